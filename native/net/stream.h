// An ordered stream of octets to a control plane: a socket, or TLS over one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/deadline.h"
#include "base/result.h"

namespace sealwright::net {

// A fault that another try would meet again: a person has to put it right.
inline tl::unexpected<Error> lasting_fault(std::string what) {
  return fail(Error::tell(CKR_DEVICE_ERROR, std::move(what)));
}
[[nodiscard]] inline bool is_lasting(const Error& fault) { return fault.for_person; }

// Errors of both: CKR_DEVICE_ERROR with the cause, "no answer in time" when the deadline passes.
class Stream {
 public:
  virtual ~Stream() = default;

  // At least one octet, or 0 at the end of the stream.
  virtual Result<std::size_t> read(std::span<std::uint8_t> into, const Deadline& deadline) = 0;
  // All of it.
  virtual Result<void> write(ByteView data, const Deadline& deadline) = 0;
  // Between two exchanges: neither closed by the other side nor holding octets that nobody asked
  // for. Does not wait.
  virtual bool is_usable() = 0;
};

}  // namespace sealwright::net
