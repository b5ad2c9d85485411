// The body of a call to sign, whatever process asks and whatever it signs: JSON that says just
// that.
#include <boost/json.hpp>
#include <cctype>

#include "crypto/key_kind.h"
#include "crypto/scheme.h"
#include "fuzz/input.h"
#include "remote/client_context.h"
#include "remote/wire.h"

namespace {

using sealwright::crypto::DigestToSign;
using sealwright::crypto::Hash;
using sealwright::crypto::kKeyKinds;
using sealwright::fuzz::Input;
using sealwright::fuzz::require;
using sealwright::remote::ClientContext;

constexpr Hash kHashes[] = {Hash::kNone, Hash::kSha256, Hash::kSha384, Hash::kSha512};

// Every member of a ClientContext is UTF-8; any octet below 128 is that.
std::string short_ascii(Input& input) {
  std::string text(input.short_text());
  for (char& c : text) c = static_cast<char>(c & 0x7f);
  return text;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  DigestToSign what;
  const auto& kind = *kKeyKinds[input.below(std::size(kKeyKinds))];
  what.scheme = kind.mechanisms[input.below(kind.mechanisms.size())].scheme;
  what.hash = kHashes[input.below(std::size(kHashes))];
  if (input.flag()) {
    what.pss = {kHashes[input.below(std::size(kHashes))], input.number<std::uint32_t>()};
  }
  const sealwright::ByteView digest = input.short_octets();
  what.digest.assign(digest.begin(), digest.end());
  const std::string serial = short_ascii(input);
  ClientContext client;
  client.tool = short_ascii(input);
  client.hostname = short_ascii(input);
  client.os_user = short_ascii(input);
  std::vector<std::string> arguments;
  while (!input.empty()) arguments.push_back(short_ascii(input));
  client.command = sealwright::remote::mask_command(arguments);
  for (std::size_t at = client.command.find("swk_"); at != std::string::npos;
       at = client.command.find("swk_", at + 1)) {
    const char next = client.command.c_str()[at + 4];
    require(std::isalnum(static_cast<unsigned char>(next)) == 0 ||
                client.command.find("sw", at + 1) == at + 4,
            "no API key is in a command line");
  }

  const bool with_receipt = serial.size() % 2 == 1;
  const std::string body = sealwright::remote::write_sign_body(serial, what, client, with_receipt);
  boost::system::error_code fault;
  const boost::json::value value = boost::json::parse(body, fault);
  require(!fault, "the body is JSON");
  const boost::json::object& object = value.as_object();
  const auto sent = sealwright::from_base64(
      object.at(what.scheme->signs_message ? "message" : "digest").as_string().c_str());
  require(sent && *sent == what.digest, "the digest is what was asked for");
  require(object.at("certificate_serial").as_string() == serial, "so is the serial");
  require(object.contains("receipt") == with_receipt, "a receipt is asked for where it is wanted");
  const boost::json::object& about = object.at("client").as_object();
  const auto says = [&about](std::string_view name, const std::string& text) {
    const auto* const found = about.if_contains(name);
    return found == nullptr ? text.empty() : found->as_string() == text;
  };
  require(says("tool", client.tool) && says("command", client.command) &&
              says("hostname", client.hostname) && says("os_user", client.os_user),
          "so is every word about the process");
  return 0;
}
