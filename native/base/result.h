// Result<T>: a value or an Error. tl::expected stands in for std::expected, which needs C++23.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/error.h"

namespace sealwright {

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(CK_RV rv, std::string message) {
  return tl::unexpected<Error>(Error(rv, std::move(message)));
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace sealwright
