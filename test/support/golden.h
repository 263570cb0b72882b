// The fixtures of test/golden/, which the Go libraries of Kubernetes wrote.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include <rapidjson/document.h>

#include "test/support/catch.h"

namespace test {

inline rapidjson::Document ReadGolden(const std::string& name) {
  std::ifstream file(TEST_GOLDEN_DIR "/" + name, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  REQUIRE_FALSE(document.HasParseError());
  REQUIRE_FALSE(document.Empty());
  return document;
}

inline std::string Text(const rapidjson::Value& value) { return {value.GetString(), value.GetStringLength()}; }

/// The member's text; empty if there is none, or null.
inline std::string Text(const rapidjson::Value& object, const char* member) {
  const auto found = object.FindMember(member);
  return found == object.MemberEnd() || found->value.IsNull() ? "" : Text(found->value);
}

/// As the fixtures keep binary bodies.
inline std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const unsigned char byte : bytes) {
    hex += "0123456789abcdef"[byte >> 4U];
    hex += "0123456789abcdef"[byte & 0xfU];
  }
  return hex;
}

}  // namespace test
