// Local digests: known answers, any cut into parts, any number of threads.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "crypto/digest.h"
#include "crypto/random.h"

namespace sealwright::crypto {
namespace {

struct KnownAnswer {
  Hash algorithm;
  std::size_t length;
  const char* of_abc;  // FIPS 180-4 examples
};

const std::vector<KnownAnswer> kKnownAnswers{
    {Hash::kSha1, 20, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {Hash::kSha224, 28, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    {Hash::kSha256, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {Hash::kSha384, 48,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
     "8086072ba1e7cc2358baeca134c825a7"},
    {Hash::kSha512, 64,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
};

std::string hash(Hash algorithm, std::initializer_list<std::string_view> parts) {
  auto digest = Digest::start(algorithm);
  for (const auto part : parts) EXPECT_TRUE(digest->update(as_bytes(part)));
  return to_hex(digest->finish().value());
}

TEST(Digest, gives_the_known_answers) {
  for (const auto& known : kKnownAnswers) {
    EXPECT_EQ(hash(known.algorithm, {"abc"}), known.of_abc);
    EXPECT_EQ(Digest::start(known.algorithm)->length(), known.length);
  }
}

TEST(Digest, takes_data_in_any_parts_and_none_at_all) {
  for (const auto& known : kKnownAnswers) {
    EXPECT_EQ(hash(known.algorithm, {"a", "", "bc"}), known.of_abc);
  }
  EXPECT_EQ(hash(Hash::kSha256, {}),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, works_on_many_threads_at_once) {
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 200; ++round) {
        for (const auto& known : kKnownAnswers) {
          EXPECT_EQ(hash(known.algorithm, {"ab", "c"}), known.of_abc);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Random, fills_what_it_is_given_and_never_twice_alike) {
  Bytes first(48, 0);
  Bytes second(48, 0);
  ASSERT_TRUE(fill_random(first));
  ASSERT_TRUE(fill_random(second));
  EXPECT_NE(first, second);
  EXPECT_NE(first, Bytes(48, 0));
  EXPECT_TRUE(fill_random({}));
  Bytes large(200'000);
  EXPECT_TRUE(fill_random(large));
}

}  // namespace
}  // namespace sealwright::crypto
