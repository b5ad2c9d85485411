#include "crypto/certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/x509.h>

#include <ctime>
#include <span>
#include <utility>

#include "crypto/digest.h"
#include "crypto/openssl_call.h"

namespace sealwright::crypto {
namespace {

using X509Handle = Owned<X509, X509_free>;

tl::unexpected<Error> unusable(const char* reason) {
  return fail(CKR_DEVICE_ERROR, std::string("unusable certificate: ") + reason);
}

X509Handle decode(const OpensslCall& call, ByteView der) {
  X509* certificate = X509_new_ex(call.context(), nullptr);
  if (certificate == nullptr) return nullptr;
  const std::uint8_t* next = der.data();
  // Frees the certificate and clears the pointer if it fails.
  d2i_X509(&certificate, &next, static_cast<long>(der.size()));
  X509Handle decoded(certificate);
  if (decoded != nullptr && next != der.data() + der.size()) return nullptr;
  return decoded;
}

// Any of OpenSSL's i2d functions; empty when memory is out.
template <auto Encode, typename T>
Bytes encode(const T* object) {
  const int length = Encode(object, nullptr);
  if (length <= 0) return {};
  Bytes der(static_cast<std::size_t>(length));
  std::uint8_t* end = der.data();
  Encode(object, &end);
  return der;
}

void write_digits(std::span<unsigned char> out, int number) {
  for (std::size_t place = out.size(); place-- > 0; number /= 10) {
    out[place] = static_cast<unsigned char>('0' + number % 10);
  }
}

bool read_date(const ASN1_TIME* time, CK_DATE& date) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return false;
  write_digits(date.year, parts.tm_year + 1900);
  write_digits(date.month, parts.tm_mon + 1);
  write_digits(date.day, parts.tm_mday);
  return true;
}

std::string read_one_line(const X509_NAME* name) {
  const Owned<BIO, BIO_free> memory(BIO_new(BIO_s_mem()));
  if (memory == nullptr) return {};
  constexpr unsigned long kUtf8Rfc2253 =
      XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  if (X509_NAME_print_ex(memory.get(), name, 0, kUtf8Rfc2253) < 0) return {};
  char* text = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &text);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

std::string read_common_name(const X509_NAME* name) {
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;) last = at;
  if (last < 0) return read_one_line(name);
  std::uint8_t* text = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
  if (length < 0) return read_one_line(name);
  const std::string common_name(text, text + length);
  OPENSSL_free(text);
  return common_name.empty() ? read_one_line(name) : common_name;
}

Result<Bytes> identify(const X509* certificate) {
  const ASN1_BIT_STRING* bits = X509_get0_pubkey_bitstr(certificate);
  if (bits == nullptr) return unusable("no public key");
  const ByteView content(ASN1_STRING_get0_data(bits),
                         static_cast<std::size_t>(ASN1_STRING_length(bits)));
  return digest_of(Hash::kSha1, content);
}

}  // namespace

Result<Certificate> Certificate::parse(ByteView der) {
  const OpensslCall call;
  if (call.context() == nullptr) return out_of_memory();
  const X509Handle decoded = decode(call, der);
  if (decoded == nullptr) return unusable("not one X.509 certificate in DER");

  Certificate made{};
  made.der.assign(der.begin(), der.end());
  made.subject = encode<i2d_X509_NAME>(X509_get_subject_name(decoded.get()));
  made.issuer = encode<i2d_X509_NAME>(X509_get_issuer_name(decoded.get()));
  made.serial = encode<i2d_ASN1_INTEGER>(X509_get0_serialNumber(decoded.get()));
  made.spki = encode<i2d_X509_PUBKEY>(X509_get_X509_PUBKEY(decoded.get()));
  if (made.subject.empty() || made.issuer.empty() || made.serial.empty() || made.spki.empty()) {
    return out_of_memory();
  }
  if (!read_date(X509_get0_notBefore(decoded.get()), made.not_before) ||
      !read_date(X509_get0_notAfter(decoded.get()), made.not_after)) {
    return unusable("its validity is no time");
  }
  made.common_name = read_common_name(X509_get_subject_name(decoded.get()));
  auto identifier = identify(decoded.get());
  if (!identifier) return fail(std::move(identifier.error()));
  made.key_identifier = std::move(*identifier);
  return made;
}

}  // namespace sealwright::crypto
