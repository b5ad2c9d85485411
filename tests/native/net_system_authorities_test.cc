// Which authorities are trusted where the settings name none: those of the machine, wherever its
// distribution keeps them.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "certificates.h"
#include "net/stream.h"
#include "net/system_authorities.h"

namespace sealwright::net {
namespace {

using sealwright::testing::Free;
using sealwright::testing::Identity;
using sealwright::testing::make_identity;
using sealwright::testing::write_certificate;

class SystemAuthorities : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }

  std::string bundle(const std::string& name, const Identity& authority) const {
    write_certificate(path(name), authority);
    return path(name);
  }
  // As c_rehash makes it.
  std::string hashed_folder(const std::string& name, const Identity& authority) const {
    std::filesystem::create_directory(path(name));
    std::ostringstream file;
    file << std::hex << std::setw(8) << std::setfill('0')
         << X509_subject_name_hash(authority.certificate.get()) << ".0";
    write_certificate(path(name) + "/" + file.str(), authority);
    return path(name);
  }
  std::string empty_folder(const std::string& name) const {
    std::filesystem::create_directory(path(name));
    std::ofstream(path(name) + "/README") << "none yet";
    return path(name);
  }

  // Whether a certificate that the authority has issued is believed.
  static bool is_trusted(SSL_CTX* context, const Identity& authority) {
    const Identity leaf = make_identity({"server", "DNS:localhost"}, &authority);
    const std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
    X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context), leaf.certificate.get(),
                        nullptr);
    return X509_verify_cert(check.get()) == 1;
  }

  static std::string complaint(const Result<void>& result) {
    EXPECT_FALSE(result);
    if (result) return "";
    EXPECT_TRUE(is_lasting(result.error()));
    return result.error().message;
  }

  const Identity first_ = make_identity({"First CA", "", true});
  const Identity second_ = make_identity({"Second CA", "", true});
  const std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>> context_{SSL_CTX_new(TLS_client_method())};
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("sw-authorities-" + std::to_string(::getpid()));
};

TEST_F(SystemAuthorities, AreFoundInTheFirstBundleThatIsThere) {
  const Places places{{path("none"), empty_folder("empty")},
                      {path("none.pem"), bundle("first.pem", first_), bundle("2.pem", second_)}};
  ASSERT_TRUE(trust_system(context_.get(), {}, places));
  EXPECT_TRUE(is_trusted(context_.get(), first_));
  EXPECT_FALSE(is_trusted(context_.get(), second_));
}

TEST_F(SystemAuthorities, AreFoundInEveryFolder) {
  const Places places{{hashed_folder("first", first_), hashed_folder("second", second_)}, {}};
  ASSERT_TRUE(trust_system(context_.get(), {}, places));
  EXPECT_TRUE(is_trusted(context_.get(), first_));
  EXPECT_TRUE(is_trusted(context_.get(), second_));
}

TEST_F(SystemAuthorities, OfABundleAreNotReadWhereAFolderHasThem) {
  const Places places{{hashed_folder("first", first_)}, {path("garbage.pem")}};
  std::ofstream(path("garbage.pem")) << "no certificate";
  ASSERT_TRUE(trust_system(context_.get(), {}, places));
  EXPECT_TRUE(is_trusted(context_.get(), first_));
}

TEST_F(SystemAuthorities, AreInTheNamedFileAndInTheFolders) {
  const Identity third = make_identity({"Third CA", "", true});
  const Places places{{hashed_folder("first", first_)}, {bundle("third.pem", third)}};
  ASSERT_TRUE(trust_system(context_.get(), {bundle("second.pem", second_), {}}, places));
  EXPECT_TRUE(is_trusted(context_.get(), first_));
  EXPECT_TRUE(is_trusted(context_.get(), second_));
  EXPECT_FALSE(is_trusted(context_.get(), third));
}

TEST_F(SystemAuthorities, AreInTheNamedFoldersInPlaceOfTheKnownOnes) {
  const Places places{{hashed_folder("first", first_)}, {}};
  const NamedAuthorities named{"", {path("none"), hashed_folder("second", second_)}};
  ASSERT_TRUE(trust_system(context_.get(), named, places));
  EXPECT_FALSE(is_trusted(context_.get(), first_));
  EXPECT_TRUE(is_trusted(context_.get(), second_));
}

TEST_F(SystemAuthorities, InANamedFolderThatOthersCanWriteToCountWhenNobodyElseCanChangeThem) {
  const std::string folder = hashed_folder("volume", first_);
  ASSERT_EQ(hashed_folder("other", second_), path("other"));
  for (const auto& theirs : std::filesystem::directory_iterator(path("other"))) {
    const std::filesystem::path put = std::filesystem::path(folder) / theirs.path().filename();
    std::filesystem::rename(theirs, put);
    ASSERT_EQ(::chmod(put.c_str(), 0666), 0);
  }
  ASSERT_EQ(::chmod(folder.c_str(), 01777), 0);
  ASSERT_TRUE(trust_system(context_.get(), {"", {folder}}, {}));
  EXPECT_TRUE(is_trusted(context_.get(), first_));
  EXPECT_FALSE(is_trusted(context_.get(), second_));
}

TEST_F(SystemAuthorities, WhereThereAreNoneItIsSaidWhereWasLooked) {
  const Places places{{path("none"), empty_folder("empty")}, {path("a.pem"), path("b.pem")}};
  EXPECT_EQ(
      complaint(trust_system(context_.get(), {}, places)),
      "this machine has no certificate authorities to check the server by: there are none in " +
          path("none") + ", " + path("empty") + "; and no " + path("a.pem") + ", " + path("b.pem") +
          "; install ca-certificates, or name the CA with SEALWRIGHT_CA_FILE or ca_file");
}

TEST_F(SystemAuthorities, ANamedFileThatCannotBeUsedIsNamed) {
  std::ofstream(path("garbage.pem")) << "no certificate";
  for (const char* name : {"none.pem", "garbage.pem"}) {
    const std::string said = complaint(trust_system(context_.get(), {path(name), {}}, {}));
    EXPECT_TRUE(said.starts_with("SSL_CERT_FILE names " + path(name) + ": ")) << said;
  }
}

TEST_F(SystemAuthorities, OfThisMachineAreFound) { EXPECT_TRUE(trust_system(context_.get(), {})); }

}  // namespace
}  // namespace sealwright::net
