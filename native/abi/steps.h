// The steps that signing and digesting share: parts in, one output of known length at the end.
#pragma once

#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <optional>

#include "abi/arguments.h"
#include "session/session.h"

namespace sealwright::abi {

struct Given {
  CK_BYTE_PTR data;
  CK_ULONG length;
};

struct Wanted {
  CK_BYTE_PTR buffer;
  CK_ULONG_PTR length;
};

// Judges the buffer before `finish(operation, data)` computes anything.
template <typename Operation, typename Finish>
Result<session::Progress> conclude(Operation& operation, ByteView data, const Wanted& wanted,
                                   Finish finish) {
  const auto delivery =
      judge_buffer(wanted.buffer, wanted.length, operation.length(), "output length");
  if (!delivery) {
    return fail(delivery.error());
  }
  if (*delivery == Delivery::kLengthOnly) {
    return session::Progress::kGoesOn;
  }
  const Result<Bytes> output = finish(operation, data);
  if (!output) {
    return fail(output.error());
  }
  std::copy(output->begin(), output->end(), wanted.buffer);
  return session::Progress::kEnded;
}

// C_Sign, C_Digest: everything at once, never after a part.
template <typename Operation, typename Finish>
Result<void> single_part(session::Session& session,
                         std::optional<Operation> session::Operations::*kind, const Given& given,
                         const Wanted& wanted, Finish finish) {
  return session.advance(kind, [&](Operation& operation) -> Result<session::Progress> {
    if (operation.in_parts()) {
      return fail(CKR_OPERATION_NOT_INITIALIZED, "the operation was begun in parts");
    }
    const auto data = input(given.data, given.length, "data");
    if (!data) {
      return fail(data.error());
    }
    auto progress = conclude(operation, *data, wanted, finish);
    operation.expect_no_parts();
    return progress;
  });
}

// C_SignInit, C_DigestInit, C_VerifyInit without a mechanism: the end of the operation that is
// active (PKCS#11 v3.0 §5.12 to §5.15); where none is, the mechanism is missing.
template <typename Operation>
Result<void> cancel(session::Session& session,
                    std::optional<Operation> session::Operations::*kind) {
  if (!session.cancel(kind)) {
    return bad_argument("pMechanism");
  }
  return {};
}

// C_SignUpdate, C_DigestUpdate, C_VerifyUpdate.
template <typename Operation>
Result<void> one_part(session::Session& session,
                      std::optional<Operation> session::Operations::*kind, const Given& given) {
  return session.advance(kind, [&](Operation& operation) -> Result<session::Progress> {
    const auto part = input(given.data, given.length, "pPart");
    if (!part) {
      return fail(part.error());
    }
    return operation.update(*part).map([] { return session::Progress::kGoesOn; });
  });
}

// C_SignFinal, C_DigestFinal. Data whose length alone was asked for is in no part: what would come
// out is a signature of nothing.
template <typename Operation, typename Finish>
Result<void> last_part(session::Session& session,
                       std::optional<Operation> session::Operations::*kind, const Wanted& wanted,
                       Finish finish) {
  return session.advance(kind, [&](Operation& operation) -> Result<session::Progress> {
    if (operation.expects_no_parts() && !operation.in_parts()) {
      return fail(CKR_OPERATION_NOT_INITIALIZED, "the operation was begun for all data at once");
    }
    return conclude(operation, {}, wanted, finish);
  });
}

}  // namespace sealwright::abi
