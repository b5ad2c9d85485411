// Calls in any order, with any handles: each is answered, none harms another.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/abi_token.h"

namespace {

using sealwright::ByteView;
using sealwright::Result;
using sealwright::fuzz::Buffer;
using sealwright::fuzz::Input;
using sealwright::fuzz::require;
using sealwright::fuzz::rv;
using sealwright::library::Provider;
namespace abi = sealwright::abi;
namespace fuzz = sealwright::fuzz;
namespace test = sealwright::test;

constexpr CK_MECHANISM_TYPE kMechanisms[] = {CKM_RSA_PKCS,     CKM_SHA256_RSA_PKCS, CKM_ECDSA,
                                             CKM_ECDSA_SHA256, CKM_SHA256,          CKM_AES_CBC};

// A point of P-256, its generator (SEC 2 §2.4.2), as CKA_EC_POINT.
constexpr std::array<std::uint8_t, 10> kCurve{0x06, 0x08, 0x2a, 0x86, 0x48,
                                              0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::array<std::uint8_t, 35> kPoint{0x04, 0x21, 0x03, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c,
                                              0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40,
                                              0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0,
                                              0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96};

// One host: the handles that it was given, and octets that decide what it does next.
class Host {
 public:
  Host(Input input, bool login_required)
      : input_(input), provider_(fuzz::make_provider(login_required)) {}

  void run() {
    while (!input_.empty()) call();
  }

 private:
  // One choice a statement: the order in which arguments are made is the compiler's.
  void call() {
    using Call = void (Host::*)();
    static constexpr Call kCalls[] = {
        &Host::open,
        &Host::call_with_session<&abi::close_session>,
        &Host::close_all,
        &Host::log_in,
        &Host::call_with_session<&abi::logout>,
        &Host::begin_search,
        &Host::search,
        &Host::call_with_session<&abi::find_objects_final>,
        &Host::call_with_key<&abi::sign_init>,
        &Host::call_with_key<&abi::verify_init>,
        &Host::begin_digest,
        &Host::call_with_data<&abi::sign_update>,
        &Host::call_with_data<&abi::verify_update>,
        &Host::call_with_data<&abi::digest_update>,
        &Host::call_for_output<&abi::sign>,
        &Host::call_for_output<&abi::digest>,
        &Host::call_for_last_output<&abi::sign_final>,
        &Host::call_for_last_output<&abi::digest_final>,
        &Host::call_with_data<&abi::verify_final>,
        &Host::verify,
        &Host::read_attributes,
        &Host::make_key,
        &Host::destroy,
        &Host::ask_about_slots,
        &Host::ask_about_session,
        &Host::call_with_data<&abi::seed_random>,
        &Host::call_with_buffer<&abi::generate_random>,
        &Host::break_or_mend_the_network,
    };
    const std::size_t choice = input_.below(std::size(kCalls));
    session_ = pick(sessions_);
    (this->*kCalls[choice])();
  }

  static void accept(const Result<void>& result) {
    require(rv(result) != CKR_GENERAL_ERROR, "nothing fails for no reason");
  }

  CK_SLOT_ID slot() { return input_.below(4); }
  CK_OBJECT_HANDLE object() { return pick(objects_); }
  // One that was given, closed ones too, or one that never was.
  CK_ULONG pick(const std::vector<CK_ULONG>& handles) {
    const std::size_t choice = input_.below(handles.size() + 1);
    return choice < handles.size() ? handles[choice] : input_.number<std::uint8_t>();
  }
  CK_MECHANISM_PTR mechanism() {
    mechanism_ = {kMechanisms[input_.below(std::size(kMechanisms))], nullptr, 0};
    return input_.below(16) == 0 ? nullptr : &mechanism_;
  }

  void open() {
    CK_SESSION_HANDLE opened = CK_INVALID_HANDLE;
    const CK_SLOT_ID slot_id = slot();
    const CK_FLAGS flags = input_.below(8);
    const auto answer = abi::open_session(*provider_, slot_id, flags, nullptr, nullptr, &opened);
    accept(answer);
    if (answer && sessions_.size() < 32) sessions_.push_back(opened);
  }

  void log_in() {
    const std::array<std::string, 4> pins{test::kApiKey, test::kOtherApiKey, "",
                                          std::string(input_.short_text())};
    const std::string& pin = pins[input_.below(pins.size())];
    const Buffer memory(sealwright::as_bytes(pin));
    accept(abi::login(*provider_, session_, input_.below(4), memory.data(), memory.size()));
  }

  void begin_search() {
    CK_OBJECT_CLASS object_class = input_.below(4);
    CK_ATTRIBUTE criterion{CKA_CLASS, &object_class, sizeof object_class};
    accept(abi::find_objects_init(*provider_, session_, &criterion, input_.flag() ? 1 : 0));
  }

  void search() {
    std::vector<CK_OBJECT_HANDLE> found(input_.below(8));
    CK_ULONG count = 0;
    if (abi::find_objects(*provider_, session_, found.data(), found.size(), &count)) {
      require(count <= found.size(), "no more than there is room for");
      found.resize(count);
      if (objects_.size() < 64) objects_.insert(objects_.end(), found.begin(), found.end());
    }
  }

  template <Result<void> (*kFunction)(Provider&, CK_SESSION_HANDLE)>
  void call_with_session() {
    accept(kFunction(*provider_, session_));
  }

  template <Result<void> (*kFunction)(Provider&, CK_SESSION_HANDLE, CK_MECHANISM_PTR,
                                      CK_OBJECT_HANDLE)>
  void call_with_key() {
    CK_MECHANISM* const given = mechanism();
    accept(kFunction(*provider_, session_, given, object()));
  }

  void close_all() { accept(abi::close_all_sessions(*provider_, slot())); }
  void begin_digest() { accept(abi::digest_init(*provider_, session_, mechanism())); }
  void break_or_mend_the_network() { fuzz::control_plane().unreachable = input_.flag(); }

  template <Result<void> (*kFunction)(Provider&, CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG)>
  void call_with_data() {
    const Buffer data(input_.short_octets());
    accept(kFunction(*provider_, session_, data.data(), data.size()));
  }

  template <Result<void> (*kFunction)(Provider&, CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR)>
  void call_for_last_output() {
    const Buffer out(input_.number<std::uint16_t>() % 300);
    CK_ULONG length = out.size();
    CK_ULONG* const told = input_.below(16) == 0 ? nullptr : &length;
    accept(kFunction(*provider_, session_, input_.flag() ? out.data() : nullptr, told));
  }

  template <Result<void> (*kFunction)(Provider&, CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG,
                                      CK_BYTE_PTR, CK_ULONG_PTR)>
  void call_for_output() {
    const Buffer data(input_.short_octets());
    const Buffer out(input_.number<std::uint16_t>() % 300);
    CK_ULONG length = out.size();
    accept(kFunction(*provider_, session_, data.data(), data.size(),
                     input_.flag() ? out.data() : nullptr, &length));
  }

  void verify() {
    const Buffer data(input_.short_octets());
    const Buffer signature(input_.number<std::uint16_t>() % 300);
    accept(abi::verify(*provider_, session_, data.data(), data.size(), signature.data(),
                       signature.size()));
  }

  void read_attributes() {
    const Buffer memory(input_.number<std::uint8_t>());
    std::array<CK_ATTRIBUTE, 3> wanted{CK_ATTRIBUTE{CKA_ID, memory.data(), memory.size()},
                                       CK_ATTRIBUTE{CKA_VALUE, nullptr, 0},
                                       CK_ATTRIBUTE{CKA_LABEL, nullptr, 0}};
    accept(abi::get_attribute_value(*provider_, session_, object(), wanted.data(), wanted.size()));
    CK_ULONG octets = 0;
    accept(abi::get_object_size(*provider_, session_, object(), &octets));
  }

  // The values of a key, some of them spoilt.
  void make_key() {
    CK_OBJECT_CLASS object_class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = input_.flag() ? CKK_EC : CKK_RSA;
    const Buffer curve(input_.flag() ? ByteView(kCurve) : input_.short_octets());
    const Buffer point(input_.flag() ? ByteView(kPoint) : input_.short_octets());
    const Buffer number(input_.number<std::uint16_t>() % 600);
    std::array<CK_ATTRIBUTE, 6> values{
        CK_ATTRIBUTE{CKA_CLASS, &object_class, sizeof object_class},
        CK_ATTRIBUTE{CKA_KEY_TYPE, &type, sizeof type},
        CK_ATTRIBUTE{CKA_EC_PARAMS, curve.data(), curve.size()},
        CK_ATTRIBUTE{CKA_EC_POINT, point.data(), point.size()},
        CK_ATTRIBUTE{CKA_MODULUS, number.data(), number.size()},
        CK_ATTRIBUTE{CKA_PUBLIC_EXPONENT, number.data(), number.size()}};
    if (type == CKK_RSA)
      std::swap_ranges(values.begin() + 2, values.begin() + 4, values.begin() + 4);
    const CK_ULONG count = input_.flag() ? 4 : input_.below(values.size() + 1);
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    const auto answer = abi::create_object(*provider_, session_, values.data(), count, &made);
    accept(answer);
    require(answer.has_value() == (made != CK_INVALID_HANDLE), "what is made has a handle");
    if (answer && objects_.size() < 64) objects_.push_back(made);
  }

  void destroy() { accept(abi::destroy_object(*provider_, session_, object())); }

  void ask_about_slots() {
    std::vector<CK_SLOT_ID> slots(input_.below(4));
    CK_ULONG count = slots.size();
    accept(abi::get_slot_list(*provider_, CK_TRUE, slots.data(), &count));
    CK_SLOT_INFO slot_info{};
    accept(abi::get_slot_info(*provider_, slot(), &slot_info));
    CK_TOKEN_INFO token_info{};
    accept(abi::get_token_info(*provider_, slot(), &token_info));
    std::vector<CK_MECHANISM_TYPE> mechanisms(input_.below(32));
    count = mechanisms.size();
    accept(abi::get_mechanism_list(*provider_, slot(), mechanisms.data(), &count));
    CK_MECHANISM_INFO mechanism_info{};
    const CK_SLOT_ID slot_id = slot();
    accept(abi::get_mechanism_info(*provider_, slot_id, kMechanisms[input_.below(6)],
                                   &mechanism_info));
  }

  void ask_about_session() {
    CK_SESSION_INFO info{};
    accept(abi::get_session_info(*provider_, session_, &info));
  }

  template <Result<void> (*kFunction)(Provider&, CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG)>
  void call_with_buffer() {
    const Buffer out(input_.number<std::uint8_t>());
    accept(kFunction(*provider_, session_, out.data(), out.size()));
  }

  Input input_;
  std::unique_ptr<Provider> provider_;
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;  // of this call
  std::vector<CK_ULONG> sessions_;
  std::vector<CK_ULONG> objects_;
  CK_MECHANISM mechanism_{};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::control_plane().unreachable = false;
  Input input(data, size);
  const bool login_required = input.flag();
  Host(input, login_required).run();
  return 0;
}
