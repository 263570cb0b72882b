#include "metrics/redis/redis_url.h"

#include <string>

#include "test/support/catch.h"

namespace metrics::redis {
namespace {

TEST_CASE("a Redis URL says where Redis is and who asks", "[redis]") {
  struct Case {
    std::string url;
    std::string place;  // As ToString() writes it.
    std::uint32_t database = 0;
    std::optional<Credentials> credentials = std::nullopt;
    bool tls = false;
  };
  const auto example = GENERATE(values<Case>({
      {"redis://redis", "redis:6379"},
      {"redis://redis/", "redis:6379"},
      {"redis://redis.jobs.svc.cluster.local:6380", "redis.jobs.svc.cluster.local:6380"},
      {"redis://10.0.0.7:1", "10.0.0.7:1"},
      {"redis://10.0.0.7:65535/15", "10.0.0.7:65535", 15},
      {"redis://[::1]", "[::1]:6379"},
      {"redis://[2001:db8::7]:6380/2", "[2001:db8::7]:6380", 2},
      {"redis://my%2Dredis", "my-redis:6379"},
      {"redis://:secret@redis", "redis:6379", 0, Credentials{"", "secret"}},
      {"redis://default:secret@redis:6380/3", "redis:6380", 3, Credentials{"default", "secret"}},
      {"redis://reader@redis", "redis:6379", 0, Credentials{"reader", ""}},
      {"redis://@redis", "redis:6379", 0, Credentials{"", ""}},
      {"redis://re%3Aader:p%40ss%2Fw%25rd@redis", "redis:6379", 0, Credentials{"re:ader", "p@ss/w%rd"}},
      {"redis://reader:p@ss:word@redis", "redis:6379", 0, Credentials{"reader", "p@ss:word"}},
      {"rediss://default:secret@redis:6380/3", "redis:6380", 3, Credentials{"default", "secret"}, true},
      {"unix:///run/redis.sock", "/run/redis.sock"},
      {"unix:///run/redis.sock?db=4", "/run/redis.sock", 4},
      {"unix:///run/my%20redis%3F@home.sock", "/run/my redis?@home.sock"},
      {"unix://:secret@/run/redis.sock", "/run/redis.sock", 0, Credentials{"", "secret"}},
      {"unix://reader:secret@/run/redis.sock?db=1", "/run/redis.sock", 1, Credentials{"reader", "secret"}},
  }));
  INFO(example.url);
  const RedisUrl url = ParseRedisUrl(example.url);
  CHECK(ToString(url.endpoint) == example.place);
  CHECK(url.endpoint.database == example.database);
  CHECK(url.tls == example.tls);
  REQUIRE(url.credentials.has_value() == example.credentials.has_value());
  if (url.credentials) {
    CHECK(url.credentials->user == example.credentials->user);
    CHECK(url.credentials->password == example.credentials->password);
  }
}

TEST_CASE("the error names the bad part of a Redis URL, and never shows it", "[redis]") {
  struct Case {
    std::string url;
    std::string problem;
  };
  const auto example = GENERATE(values<Case>({
      {"", "redis://, rediss:// or unix://"},
      {"hunter2", "redis://, rediss:// or unix://"},
      {"http://hunter2", "redis://, rediss:// or unix://"},
      {"redis:/hunter2", "redis://, rediss:// or unix://"},
      {"rediss://:hunter2", "no host"},
      {"redis://", "no host"},
      {"redis://:hunter2@", "no host"},
      {"redis://:hunter2", "no host"},
      {"redis://user:hunter2", "port"},
      {"redis://redis:0", "port"},
      {"redis://redis:65536", "port"},
      {"redis://redis:", "port"},
      {"redis://redis:+1", "port"},
      {"redis://redis:hunter2/1", "port"},
      {"redis://[::1]hunter2", "port"},
      {"redis://::1:6379", "brackets"},
      {"redis://[::1", "']'"},
      {"redis://[hunter2]", "not an IPv6 address"},
      {"redis://[10.0.0.7]", "not an IPv6 address"},
      {"redis://hunter2 x", "host"},
      {"redis://hunter2%0a", "host"},
      {"redis://hunter2%00x", "NUL"},
      {"redis://hunter2%2", "'%'"},
      {"redis://hunter2%", "'%'"},
      {"redis://hunter2%+1", "'%'"},
      {"redis://user:hunter2%zz@redis", "password"},
      {"redis://user:hun/ter2@redis", "percent-encode"},
      {"redis://user:hun?ter2@redis", "percent-encode"},
      {"redis://user:hun#ter2@redis", "percent-encode"},
      {"redis://redis/hunter2", "database"},
      {"redis://redis/-1", "database"},
      {"redis://redis/2147483648", "database"},
      {"redis://redis/0/1", "database"},
      {"redis://redis/0?password=hunter2", "'?'"},
      {"redis://redis#hunter2", "'#'"},
      {"unix://hunter2", "three slashes"},
      {"unix://run/redis.sock", "three slashes"},
      {"unix://user:hunter2/redis.sock", "three slashes"},
      {"unix://", "no path"},
      {"unix:///", "no path"},
      {"unix:///run/redis.sock?hunter2=1", "parameter"},
      {"unix:///run/redis.sock?db=", "database"},
      {"unix:///run/redis.sock?db=1&db=hunter2", "database"},
      {"unix:///run/redis.sock#hunter2", "parameter"},
      {"unix:///" + std::string(107, 'x'), "107 bytes"},
  }));
  INFO(example.url);
  CHECK_THROWS_MATCHES(ParseRedisUrl(example.url), RedisUrlError,
                       Catch::Matchers::Predicate<RedisUrlError>([&](const RedisUrlError& error) {
                         const std::string text = error.what();
                         UNSCOPED_INFO(text);
                         return text.find(example.problem) != std::string::npos &&
                                text.find("hunter2") == std::string::npos && text.find("ter2") == std::string::npos;
                       }));
}

}  // namespace
}  // namespace metrics::redis
