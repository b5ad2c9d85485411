// A file that is there whole, or not at all.
#pragma once

#include <string>
#include <string_view>

namespace sealwright {

// Makes `folder`/`name` with this text, readable by everybody whom the umask lets. Nothing that is
// there is replaced (EEXIST), whatever it is; the folder must be there, and is one as `open_folder`
// has it. `name` holds no slash, and is given once: half of it may lie beside it, hidden, after a
// crash. Raises no signal. 0, or why not as an errno.
int make_file(const std::string& folder, const std::string& name, std::string_view text);

}  // namespace sealwright
