// JSON read without a tree: what a member is, what a list holds, and what is refused.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "remote/json_object.h"

namespace sealwright::remote {
namespace {

using Kind = JsonValue::Kind;

// "list.name=text" for the members `name` of each element, "list!" for what is no object.
std::vector<std::string> elements(std::string_view text, std::string_view name) {
  std::vector<std::string> seen;
  const JsonObject object(text, [&](std::string_view list, const JsonMembers* element) {
    const JsonValue* value = element == nullptr ? nullptr : element->find(name);
    std::string entry(list);
    if (element == nullptr) entry += '!';
    if (value != nullptr) entry.append(".").append(name).append("=").append(value->text);
    seen.push_back(std::move(entry));
  });
  EXPECT_TRUE(object.is_json());
  return seen;
}

Kind kind_of(std::string_view value) {
  const std::string text = "{\"a\":" + std::string(value) + "}";
  const JsonObject object(text);
  EXPECT_TRUE(object.is_json()) << value;
  return object.members()->find("a")->kind;
}

TEST(JsonObject, KnowsWhatAMemberIs) {
  EXPECT_EQ(kind_of("null"), Kind::kNull);
  EXPECT_EQ(kind_of("\"text\""), Kind::kText);
  EXPECT_EQ(kind_of("-5"), Kind::kInteger);
  EXPECT_EQ(kind_of("[1, {}]"), Kind::kList);
  for (const char* other :
       {"true", "false", "1.5", "1e3", "18446744073709551615", "{}", "{\"a\": [\"b\"]}"}) {
    EXPECT_EQ(kind_of(other), Kind::kOther) << other;
  }
}

TEST(JsonObject, HasTheLastOfTwoMembersOfOneName) {
  const JsonObject object(R"({"a": 1, "b": "x", "a": 2})");
  ASSERT_NE(object.members(), nullptr);
  EXPECT_EQ(object.members()->find("a")->integer, 2);
  EXPECT_EQ(object.members()->find("b")->text, "x");
  EXPECT_EQ(object.members()->find("c"), nullptr);
}

TEST(JsonObject, LeavesATextInItsPlaceUnlessItHasEscapes) {
  const std::string text = R"({"plain": "as it is", "escaped": "a\"\\\u00fc\n", "\u0061": "key"})";
  const JsonObject object(text);
  const auto plain = object.members()->find("plain")->text;
  EXPECT_EQ(plain, "as it is");
  EXPECT_GE(plain.data(), text.data());
  EXPECT_LT(plain.data(), text.data() + text.size());
  EXPECT_EQ(object.members()->find("escaped")->text, "a\"\\ü\n");
  EXPECT_EQ(object.members()->find("a")->text, "key");
}

TEST(JsonObject, KeepsLongTextsWithEscapes) {
  const std::string half(10'000, 'x');
  const std::string text = "{\"a\": \"" + half + "\\t" + half + "\", \"b\": \"\\u0000\"}";
  const JsonObject object(text);
  EXPECT_EQ(object.members()->find("a")->text, half + "\t" + half);
  EXPECT_EQ(object.members()->find("b")->text, std::string_view("\0", 1));
}

TEST(JsonObject, TellsTheTextsOfAList) {
  const JsonObject object(R"({"a": ["x", "y"], "b": ["x", 1, ["z"], {"c": "d"}], "c": []})");
  EXPECT_EQ(object.members()->find("a")->texts, (std::vector<std::string_view>{"x", "y"}));
  EXPECT_TRUE(object.members()->find("a")->only_texts);
  EXPECT_EQ(object.members()->find("b")->texts, (std::vector<std::string_view>{"x"}));
  EXPECT_FALSE(object.members()->find("b")->only_texts);
  EXPECT_TRUE(object.members()->find("c")->texts.empty());
  EXPECT_TRUE(object.members()->find("c")->only_texts);
}

TEST(JsonObject, GivesTheObjectsOfItsLists) {
  EXPECT_EQ(elements(R"({"s": [{"n": "1"}, {"m": "2"}, {"n": "3"}], "t": [{"n": "4"}]})", "n"),
            (std::vector<std::string>{"s.n=1", "s", "s.n=3", "t.n=4"}));
  EXPECT_EQ(elements(R"({"s": [1, "x", null, [{"n": "1"}], {"n": "2"}]})", "n"),
            (std::vector<std::string>{"s!", "s!", "s!", "s!", "s.n=2"}));
}

TEST(JsonObject, GivesNothingOfWhatIsNested) {
  EXPECT_EQ(elements(R"({"s": {"n": "1", "t": [{"n": "2"}]}, "n": "3"})", "n"),
            std::vector<std::string>{});
  EXPECT_EQ(
      elements(R"({"s": [{"in": {"n": "1", "list": [{"n": "2"}]}, "list": [{"n": "3"}]}]})", "n"),
      std::vector<std::string>{"s"});
  EXPECT_EQ(elements(R"([{"s": [{"n": "1"}]}])", "n"), std::vector<std::string>{});
}

TEST(JsonObject, ReadsTheListsOfAnElement) {
  std::vector<std::string_view> texts;
  const std::string text = R"({"s": [{"l": ["a", "\u0062"], "n": [["c"], "d"]}]})";
  const JsonObject object(text, [&](std::string_view, const JsonMembers* element) {
    ASSERT_NE(element, nullptr);
    texts = element->find("l")->texts;
    EXPECT_TRUE(element->find("l")->only_texts);
    EXPECT_FALSE(element->find("n")->only_texts);
    EXPECT_EQ(element->find("n")->texts, std::vector<std::string_view>{"d"});
  });
  EXPECT_EQ(texts, (std::vector<std::string_view>{"a", "b"})) << "texts live on";
}

TEST(JsonObject, IsNoneWhereTheWholeIsSomethingElse) {
  for (const char* text : {"[]", "5", "\"x\"", "null", "[{\"a\": 1}]"}) {
    const JsonObject object(text);
    EXPECT_TRUE(object.is_json()) << text;
    EXPECT_EQ(object.members(), nullptr) << text;
  }
}

TEST(JsonObject, RefusesWhatIsNoJson) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("{\"a\":}"), std::string("{} {}"),
        std::string("{}x"), std::string("{\"a\" 1}"), std::string("{'a': 1}"),
        std::string("{\"a\": \"\xff\"}"), std::string("{\"a\": \"\\ud800\"}"),
        std::string("{\"a\": [1,]}"), std::string("{\"a\": \"") + '\0' + "\"}",
        std::string("{\"a\": tru}"), std::string("[") + std::string(100'000, '['),
        "{\"a\":" + std::string(17, '[') + std::string(17, ']') + "}"}) {
    EXPECT_FALSE(JsonObject(text).is_json()) << text.substr(0, 40);
  }
  EXPECT_TRUE(JsonObject(" {\"a\": [ ] } \n").is_json());
}

}  // namespace
}  // namespace sealwright::remote
