// The little DER that keys are made of.
#include <gtest/gtest.h>

#include <optional>

#include "crypto/der.h"

namespace sealwright::crypto {
namespace {

TEST(Der, OfALongThingHasALongLength) {
  const Bytes content(300, 7);
  const Bytes header{0x04, 0x82, 0x01, 0x2c};
  EXPECT_EQ(der::octet_string(content), der::joined({header, content}));
}

TEST(Der, OfANumberIsAsShortAsItCanBe) {
  EXPECT_EQ(der::integer(Bytes{}), (Bytes{0x02, 0x01, 0x00}));
  EXPECT_EQ(der::integer(Bytes{0, 0, 0x7f}), (Bytes{0x02, 0x01, 0x7f}));
  EXPECT_EQ(der::integer(Bytes{0x80}), (Bytes{0x02, 0x02, 0x00, 0x80}));
}

TEST(OctetString, IsAllThereIs) {
  const auto content = [](const Bytes& der) {
    const auto found = der::octet_string_content(der);
    return found ? std::optional<Bytes>(Bytes(found->begin(), found->end())) : std::nullopt;
  };
  Bytes longest{0x04, 0x81, 0x80};
  longest.resize(3 + 0x80);
  EXPECT_EQ(content({0x04, 0x00}), Bytes{});
  EXPECT_EQ(content({0x04, 0x02, 7, 8}), (Bytes{7, 8}));
  EXPECT_EQ(content(longest), Bytes(0x80));
  EXPECT_EQ(content({}), std::nullopt);
  EXPECT_EQ(content({0x04}), std::nullopt);
  EXPECT_EQ(content({0x04, 0x02, 7}), std::nullopt);
  EXPECT_EQ(content({0x04, 0x01, 7, 8}), std::nullopt);
  EXPECT_EQ(content({0x04, 0x81, 0x01, 7}), std::nullopt);  // not the shortest length: no DER
  EXPECT_EQ(content({0x05, 0x02, 7, 8}), std::nullopt);
}

}  // namespace
}  // namespace sealwright::crypto
