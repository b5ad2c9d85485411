// The JSON of the control plane's API, to and from our own types. What does not fit is nonsense:
// every field's type and range is checked here and nowhere else.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/settings.h"
#include "remote/client_context.h"
#include "remote/control_plane.h"
#include "remote/signing_service.h"

namespace sealwright::remote {

// Errors: CKR_DEVICE_ERROR naming the field. Unknown fields are ignored.
Result<std::unique_ptr<Catalogue>> parse_catalogue(std::string_view body, std::string etag);

// A signature of at most 4096 octets; an operation's id that is absent or no identifier is empty,
// and so is a receipt that is absent, no text or longer than 256 KiB. Errors: CKR_DEVICE_ERROR.
Result<Signed> parse_signed(std::string_view body);

// RFC 9457; members that are absent or of another type are empty.
struct Problem {
  std::string code;
  std::string title;    // at most 2000 octets; longer ones are cut
  std::string request;  // id of the request that waits for approval, safe in a path
};
Problem parse_problem(std::string_view body);

std::string write_sign_body(const std::string& certificate_serial, const crypto::DigestToSign& what,
                            const ClientContext& client, bool with_receipt);

// Errors: CKR_DEVICE_ERROR naming the field. Unknown fields are ignored.
Result<ApprovalRequest> parse_approval_request(std::string_view body);

std::string write_approval_request(const Settings::Approval& terms, const ClientContext& client);

// Letters, digits and inner hyphens, at most 32 octets: safe in a path.
bool is_signer_name(std::string_view name);
// Letters, digits, hyphens and underscores, at most 64 octets: safe in a path.
bool is_record_id(std::string_view id);

}  // namespace sealwright::remote
