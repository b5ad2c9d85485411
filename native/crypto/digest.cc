#include "crypto/digest.h"

#include <array>
#include <atomic>
#include <utility>

#include "crypto/openssl_call.h"

namespace sealwright::crypto {
namespace {

// Fetched once and kept for ever: a fetch costs more than hashing a short message.
constinit std::array<std::atomic<EVP_MD*>, kHashRows.size()> fetched{};

const EVP_MD* find(Hash hash, const OpensslCall& call) {
  const auto index = static_cast<std::size_t>(hash);
  if (const EVP_MD* known = fetched[index].load(std::memory_order_acquire)) return known;
  if (call.context() == nullptr) return nullptr;
  EVP_MD* mine = EVP_MD_fetch(call.context(), row_of(hash).openssl_name, nullptr);
  if (mine == nullptr) return nullptr;
  EVP_MD* first = nullptr;
  if (fetched[index].compare_exchange_strong(first, mine)) return mine;
  EVP_MD_free(mine);
  return first;
}

}  // namespace

Result<Bytes> digest_of(Hash hash, ByteView content) {
  const OpensslCall call;
  Bytes value(row_of(hash).length);
  const EVP_MD* md = find(hash, call);
  if (md == nullptr ||
      EVP_Digest(content.data(), content.size(), value.data(), nullptr, md, nullptr) != 1) {
    return out_of_memory();
  }
  return value;
}

struct Digest::Context {
  Owned<EVP_MD_CTX, EVP_MD_CTX_free> state{EVP_MD_CTX_new()};
};

Digest::Digest(std::unique_ptr<Context> context, std::size_t length)
    : context_(std::move(context)), length_(length) {}
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

Result<Digest> Digest::start(Hash hash) {
  const OpensslCall call;
  const EVP_MD* md = find(hash, call);
  auto context = std::make_unique<Context>();
  if (md == nullptr || context->state == nullptr ||
      EVP_DigestInit_ex2(context->state.get(), md, nullptr) != 1) {
    return out_of_memory();
  }
  return Digest(std::move(context), row_of(hash).length);
}

Result<void> Digest::update(ByteView data) {
  const OpensslCall call;
  if (EVP_DigestUpdate(context_->state.get(), data.data(), data.size()) != 1) {
    return fail(CKR_GENERAL_ERROR, "OpenSSL refused to digest");
  }
  return {};
}

Result<Bytes> Digest::finish() {
  const OpensslCall call;
  Bytes value(length_);
  if (EVP_DigestFinal_ex(context_->state.get(), value.data(), nullptr) != 1) {
    return fail(CKR_GENERAL_ERROR, "OpenSSL refused to finish a digest");
  }
  return value;
}

}  // namespace sealwright::crypto
