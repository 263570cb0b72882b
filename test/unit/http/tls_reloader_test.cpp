#include "server/http/tls_reloader.h"

#include <atomic>

#include "server/http/self_signed_certificate.h"
#include "test/support/catch.h"

namespace server::http {
namespace {

TlsMaterial NewMaterial() {
  auto made = MakeSelfSignedCertificate({"localhost"}, std::chrono::hours(1));
  return {.certificate_chain = made.certificate_chain,
          .private_key = made.private_key,
          .client_ca = {},
          .source = "tls.crt"};
}

/// The files, and what the reloader made of them.
class Files {
 public:
  explicit Files(TlsMaterial material) : material_(std::move(material)) {}

  TlsReloader::Hooks Hooks() {
    return {.load =
                [this] {
                  const std::lock_guard lock(mutex_);
                  ++looks_;
                  return material_;
                },
            .use = [this](const std::shared_ptr<const TlsContext>& context) { uses_ += context ? 1 : 0; },
            .report = [this](std::string_view) { ++reports_; },
            .interval = std::chrono::milliseconds(1)};
  }

  void Write(TlsMaterial material) {
    {
      const std::lock_guard lock(mutex_);
      material_ = std::move(material);
      looks_ = 0;
    }
    while (looks_ < 3) {  // The second look begins after the first one's consequences.
      std::this_thread::yield();
    }
  }

  int uses() const { return uses_; }
  int reports() const { return reports_; }

 private:
  std::mutex mutex_;
  TlsMaterial material_;
  std::atomic<int> looks_ = 0;
  std::atomic<int> uses_ = 0;
  std::atomic<int> reports_ = 0;
};

TEST_CASE("a renewed certificate is taken into use once, a bad one never", "[http]") {
  const TlsMaterial first = NewMaterial();
  const TlsMaterial second = NewMaterial();
  Files files(first);
  const TlsReloader reloader(first, files.Hooks());

  files.Write(first);
  CHECK(files.uses() == 0);

  TlsMaterial half = first;
  half.certificate_chain = second.certificate_chain;
  files.Write(half);
  CHECK(files.uses() == 0);
  CHECK(files.reports() == 1);
  CHECK_THAT(reloader.Problem().value_or(""),
             ContainsText("tls.crt: the private key does not belong to the certificate"));

  files.Write(second);
  CHECK(files.uses() == 1);
  CHECK(reloader.Uses(second.certificate_chain));
  CHECK_FALSE(reloader.Uses(first.certificate_chain));
  CHECK(files.reports() == 1);
  CHECK_FALSE(reloader.Problem());
}

}  // namespace
}  // namespace server::http
