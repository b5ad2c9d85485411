// pkcs11.toml, whatever somebody wrote there.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/redact.h"
#include "fuzz/input.h"
#include "remote/endpoints.h"
#include "settings/file.h"

namespace {

using sealwright::fuzz::Input;
using sealwright::fuzz::require;

// The octets as a file without a name on any disk.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : fd_(::memfd_create("pkcs11.toml", MFD_CLOEXEC)) {
    const bool whole = ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    require(whole && ::fchmod(fd_, S_IRUSR | S_IWUSR) == 0, "memory holds the file");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(Input(data, size).rest_as_text());
  const auto read = sealwright::settings::read_config_file(file.path());
  if (!read) {
    require(read.error().for_person && read.error().rv == CKR_GENERAL_ERROR &&
                read.error().message.starts_with(file.path()),
            "a refusal names the file");
    return 0;
  }
  const sealwright::Settings& settings = read->settings;
  require(!settings.api_key || sealwright::is_api_key(settings.api_key->reveal()),
          "a key is a key");
  constexpr std::chrono::milliseconds kLeast{100};
  constexpr std::chrono::hours kMost{1};
  for (const auto span : {settings.connect_timeout, settings.request_timeout}) {
    require(span >= kLeast && span <= kMost, "a time span has its limits");
  }
  for (const auto& [name, number] : settings.signers) {
    require(!name.empty() && name.size() <= 32 && number > 0 && number < 1U << 31U,
            "a slot can be shown");
  }
  (void)sealwright::remote::endpoints(settings);
  return 0;
}
