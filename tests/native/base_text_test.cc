// Octets as text, and what may be shown of it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/bytes.h"
#include "base/log.h"
#include "base/redact.h"
#include "base/secret.h"
#include "base/utf8.h"

namespace sealwright {
namespace {

std::string decoded(std::string_view text) {
  const auto bytes = from_base64(text);
  return bytes ? std::string(bytes->begin(), bytes->end()) : "refused";
}

TEST(Hex, IsLowerCase) {
  EXPECT_EQ(to_hex(Bytes{0x00, 0x9f, 0xff}), "009fff");
  EXPECT_EQ(to_hex({}), "");
}

TEST(Base64, HasTheVectorsOfRfc4648) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), encoded);
    EXPECT_EQ(decoded(encoded), plain);
  }
}

TEST(Base64, EveryOctetComesBack) {
  Bytes all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<std::uint8_t>(i));
  EXPECT_EQ(from_base64(to_base64(all)), all);
}

TEST(Base64, IsReadStrictly) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "====", "=", "Z===", "Zh==", "Zm9=", "Zm 9",
                           "Zm9v\n", "Zm-_", "Z=g="}) {
    EXPECT_EQ(decoded(text), "refused") << text;
  }
}

TEST(Utf8, IsCountedInCharacters) {
  EXPECT_EQ(count_characters(""), 0U);
  EXPECT_EQ(count_characters("Grüße €𝄞"), 8U);
  for (const char* text : {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(count_characters(text), std::nullopt);
  }
}

TEST(Utf8, IsCutBetweenCharacters) {
  EXPECT_EQ(shortened("", 0), "");
  EXPECT_EQ(shortened("Größe", 7), "Größe");
  EXPECT_EQ(shortened("Größe", 6), "Größ…");
  EXPECT_EQ(shortened("Größe", 5), "Grö…");
  EXPECT_EQ(shortened("\xff\xff\xff", 2), "\xff\xff…");
}

TEST(Secret, IsEqualByContentOnly) {
  EXPECT_TRUE(Secret("a") == Secret("a"));
  EXPECT_FALSE(Secret("a") == Secret("b"));
  EXPECT_FALSE(Secret("a") == Secret("aa"));
  EXPECT_TRUE(Secret() == Secret(""));
}

TEST(Secret, MovedFromHoldsNothing) {
  Secret from("short");
  const Secret to(std::move(from));
  EXPECT_EQ(to.reveal(), "short");
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): the promise under test
  std::string text = "adopted";
  EXPECT_EQ(Secret::adopt(text).reveal(), "adopted");
  EXPECT_TRUE(text.empty());
}

TEST(ApiKey, HasOneForm) {
  EXPECT_TRUE(is_api_key("swk_" + std::string(43, 'Z')));
  EXPECT_FALSE(is_api_key("swk_" + std::string(42, 'Z')));
  EXPECT_FALSE(is_api_key("swk_" + std::string(44, 'Z')));
  EXPECT_FALSE(is_api_key("swk_" + std::string(42, 'Z') + "-"));
  EXPECT_FALSE(is_api_key(""));
}

TEST(Masking, HidesKeysWholeOrNot) {
  EXPECT_EQ(mask_credentials("a swk_abc, swk_Z9"), "a swk_***, swk_***");
  EXPECT_EQ(mask_credentials("swk_ and 43 characters: swk_"), "swk_ and 43 characters: swk_");
  EXPECT_EQ(mask_credentials("swt_T1 swe_E2,swk_K3"), "swt_*** swe_***,swk_***");
  EXPECT_EQ(mask_credentials("swk_swt_T1 swe_E2swk_K3"), "swk_swt_*** swe_***swk_***");
  EXPECT_EQ(mask_credentials("swx_abc sw_abc none"), "swx_abc sw_abc none");
}

TEST(Escaping, KeepsTextOnOneHarmlessLine) {
  EXPECT_EQ(escape_controls("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(escape_controls("x\u202ey\u2066z\u200f"),
            "x\\xe2\\x80\\xaey\\xe2\\x81\\xa6z\\xe2\\x80\\x8f");
  EXPECT_EQ(escape_controls("Grüße €"), "Grüße €");
  EXPECT_EQ(escape_controls("\xe2"), "\xe2");
}

class LogFile : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  [[nodiscard]] std::string content() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  const std::string path_ =
      std::filesystem::temp_directory_path() / ("sw-log-" + std::to_string(::getpid()));
};

TEST_F(LogFile, HoldsWhatTheLevelAllows) {
  const Log log(LogLevel::kWarning, path_);
  log.write(LogLevel::kError, "one");
  log.write(LogLevel::kWarning, "two");
  log.write(LogLevel::kInfo, "three");
  log.tell("four\nfive swk_abc");
  EXPECT_EQ(content(), "sealwright: one\nsealwright: two\nsealwright: four\\x0afive swk_***\n");
  struct stat facts {};
  ::stat(path_.c_str(), &facts);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(LogFile, IsLeftAloneWhenOff) {
  const Log log(LogLevel::kOff, path_);
  log.write(LogLevel::kError, "one");
  log.tell("two");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace sealwright
