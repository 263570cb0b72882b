#include "server/certificates/certificate_keeper.h"

#include <array>
#include <exception>
#include <utility>

#include "server/kube/api.h"
#include "server/kube/base64.h"
#include "server/wire/json_writer.h"

namespace server::certificates {
namespace {

using kube::ApiError;
using wire::JsonWriter;

constexpr std::chrono::seconds kTimeout{10};
// Each loser has seen another one win, so this many are lost only if something else writes all the time.
constexpr int kTries = 5;

struct Entry {
  std::string_view key;
  std::string SharedCertificate::*value;
};
constexpr std::array<Entry, 4> kEntries{{{"ca.crt", &SharedCertificate::authorities},
                                         {"ca.key", &SharedCertificate::authority_key},
                                         {"tls.crt", &SharedCertificate::certificate},
                                         {"tls.key", &SharedCertificate::private_key}}};

struct Object {
  kube::Json json;
  std::string version;
};

std::string SecretPath(const SecretKey& key) { return "/api/v1/namespaces/" + key.ns + "/secrets/" + key.name; }

std::string ApiServicePath(const std::string& name) { return "/apis/apiregistration.k8s.io/v1/apiservices/" + name; }

Object Get(kube::Api& api, const std::string& path, const std::stop_token& stop) {
  kube::Json json = ObjectIn(
      api.Send({.method = "GET", .path = path, .body = {}}, std::chrono::steady_clock::now() + kTimeout, stop));
  std::string version = json["metadata"]["resourceVersion"].String();
  return {std::move(json), std::move(version)};
}

/// A JSON merge patch of `member` alone, if the object is still the one of `version`. False if it is not.
template <typename WriteFields>
bool Patch(kube::Api& api, const std::string& path, const std::string& version, std::string_view member,
           WriteFields write_fields, const std::stop_token& stop) {
  std::string body;
  JsonWriter json(body, wire::JsonStyle::kCompact);
  json.BeginObject();
  json.Key("metadata");
  json.BeginObject();
  json.Member("resourceVersion", version);
  json.EndObject();
  json.Key(member);
  json.BeginObject();
  write_fields(json);
  json.EndObject();
  json.EndObject();
  const auto response = api.Send(
      {.method = "PATCH", .path = path, .body = std::move(body), .content_type = "application/merge-patch+json"},
      std::chrono::steady_clock::now() + kTimeout, stop);
  if (response.status == kube::kConflict) {
    return false;
  }
  if (response.status != 200) {
    RejectResponse(response);
  }
  return true;
}

SharedCertificate ReadSecret(const kube::Json& secret) {
  SharedCertificate shared;
  for (const auto& [key, value] : kEntries) {
    shared.*value = kube::DecodeBase64(secret["data"][key].String()).value_or("");
  }
  return shared;
}

}  // namespace

CertificateKeeper::CertificateKeeper(std::shared_ptr<kube::Api> api, Options options)
    : api_(std::move(api)), options_(std::move(options)) {}

void CertificateKeeper::Look(const std::stop_token& stop) {
  for (int i = 0; i < kTries; ++i) {
    if (TryLook(stop)) {
      return;
    }
  }
  throw ApiError(ApiError::Kind::kFailed, "somebody else writes the Secret or the APIService all the time");
}

bool CertificateKeeper::TryLook(const std::stop_token& stop) {
  std::optional<Object> api_service;
  std::string ca_bundle;
  std::exception_ptr no_api_service;
  try {
    api_service = Get(*api_, ApiServicePath(options_.api_service), stop);
    ca_bundle = kube::DecodeBase64(api_service->json["spec"]["caBundle"].String()).value_or("");
  } catch (const ApiError&) {
    no_api_service = std::current_exception();  // No reason to be without a certificate.
  }
  const Object secret = Get(*api_, SecretPath(options_.secret), stop);
  const SharedCertificate found = ReadSecret(secret.json);
  const auto in_use = Current();
  const Time now = options_.clock();
  const SharedCertificate renewed = Renew(found, in_use ? &*in_use : nullptr, ca_bundle, options_.policy, now);
  if (renewed != found && !ShareRenewed(found, renewed, secret.version, stop)) {
    return false;
  }
  Use(renewed);
  if (no_api_service) {
    std::rethrow_exception(no_api_service);
  }
  const std::string wanted = WantedCaBundle(renewed, ca_bundle, options_.policy, now);
  if (wanted == ca_bundle) {
    return true;
  }
  const auto write_bundle = [&](JsonWriter& json) { json.Member("caBundle", kube::EncodeBase64(wanted)); };
  if (!Patch(*api_, ApiServicePath(options_.api_service), api_service->version, "spec", write_bundle, stop)) {
    return false;
  }
  options_.events(CertificateEvent::kTrustChanged);
  return true;
}

bool CertificateKeeper::ShareRenewed(const SharedCertificate& found, const SharedCertificate& renewed,
                                     const std::string& version, const std::stop_token& stop) {
  const auto write_entries = [&](JsonWriter& json) {
    for (const auto& [key, value] : kEntries) {
      json.Member(key, kube::EncodeBase64(renewed.*value));
    }
  };
  if (!Patch(*api_, SecretPath(options_.secret), version, "data", write_entries, stop)) {
    return false;
  }
  if (renewed.authority_key != found.authority_key) {
    options_.events(CertificateEvent::kNewAuthority);
  }
  if (renewed.certificate != found.certificate) {
    options_.events(CertificateEvent::kNewCertificate);
  }
  return true;
}

void CertificateKeeper::Use(const SharedCertificate& shared) {
  const bool served_already = current_ && current_->certificate == shared.certificate;
  {
    const std::lock_guard lock(mutex_);
    current_ = shared;
  }
  if (!served_already) {
    options_.events(CertificateEvent::kInUse);
  }
}

std::optional<SharedCertificate> CertificateKeeper::Current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace server::certificates
