#include "server/http/certificate_verifier.h"

#include <algorithm>
#include <array>
#include <optional>

#include "server/http/pem.h"

namespace server::http {

struct CertificateVerdict {
  std::shared_ptr<const CertificateOwner> owner;
  /// Outside of this the answer may be another one.
  CertificateVerifier::Time from;
  CertificateVerifier::Time until;
};

namespace {

using Time = CertificateVerifier::Time;

// A certificate that is not valid yet may become so; nothing else makes a bad one good.
constexpr std::chrono::seconds kRefusalLifetime{10};

// 112 bits of security, as TLS itself asks for here: no SHA-1, no RSA below 2048 bits.
constexpr int kAuthLevel = 2;

struct FreeStack {
  void operator()(STACK_OF(X509) * certificates) const noexcept { sk_X509_pop_free(certificates, X509_free); }
};
using UniqueStack = std::unique_ptr<STACK_OF(X509), FreeStack>;
using UniqueVerification = std::unique_ptr<X509_STORE_CTX, OpensslDeleter<X509_STORE_CTX_free>>;
using UniqueObject = std::unique_ptr<ASN1_OBJECT, OpensslDeleter<ASN1_OBJECT_free>>;

UniqueStack NewStack() {
  UniqueStack stack(sk_X509_new_null());
  if (!stack) {
    throw OpensslError("out of memory");
  }
  return stack;
}

void Push(STACK_OF(X509) * stack, UniqueCertificate certificate) {
  if (sk_X509_push(stack, certificate.get()) == 0) {
    throw OpensslError("out of memory");
  }
  static_cast<void>(certificate.release());  // The stack's now.
}

std::uint64_t NextId() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

UniqueCertificate FromDer(const std::string& der) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  return UniqueCertificate(d2i_X509(nullptr, &data, static_cast<long>(der.size())));  // NOLINT(google-runtime-int)
}

std::string Sha256(const std::string& der) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(der.data(), der.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw OpensslError("cannot hash a certificate");
  }
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += "0123456789abcdef"[digest.at(i) >> 4U];
    text += "0123456789abcdef"[digest.at(i) & 0xfU];
  }
  return text;
}

/// The certificate allows client authentication. (OpenSSL's own purpose check also asks for key usages, and does not
/// know that "any" is one of the extended ones; Go is the measure here.)
bool IsForClients(X509* certificate) {
  return (X509_get_extended_key_usage(certificate) & (XKU_SSL_CLIENT | XKU_ANYEKU)) != 0;
}

Time NotAfter(const X509* certificate) { return TimeFrom(X509_get0_notAfter(certificate)).value_or(Time::min()); }

/// Nothing if the certificate claims more than one UID, as in kube-apiserver.
std::optional<CertificateOwner> OwnerOf(const X509* certificate, const std::string& der) {
  static const UniqueObject uid_attribute(OBJ_txt2obj("1.3.6.1.4.1.57683.2", 1));
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const auto common_names = NameEntries(subject, OBJ_nid2obj(NID_commonName));
  const auto uids = NameEntries(subject, uid_attribute.get());
  if (uids.size() > 1) {
    return std::nullopt;
  }
  return CertificateOwner{.common_name = common_names.empty() ? "" : common_names.back(),
                          .organizations = NameEntries(subject, OBJ_nid2obj(NID_organizationName)),
                          .uid = uids.empty() ? "" : uids.front(),
                          .sha256 = Sha256(der)};
}

/// Until when the chain stands that leads `now` from the first certificate of `presented` to `anchor`; nothing if there
/// is none, or one of its certificates is not for clients.
std::optional<Time> ChainEnd(STACK_OF(X509) * presented, STACK_OF(X509) * anchor, Time now) {
  const UniqueVerification verification(X509_STORE_CTX_new());
  X509_STORE_CTX* context = verification.get();
  if (X509_STORE_CTX_init(context, nullptr, sk_X509_value(presented, 0), presented) != 1) {
    throw OpensslError("cannot verify a certificate");
  }
  X509_STORE_CTX_set0_trusted_stack(context, anchor);
  X509_VERIFY_PARAM* terms = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_time(terms, std::chrono::system_clock::to_time_t(now));
  X509_VERIFY_PARAM_set_auth_level(terms, kAuthLevel);
  X509_VERIFY_PARAM_set_flags(terms, X509_V_FLAG_PARTIAL_CHAIN);  // An intermediate CA can be an anchor, too.
  if (X509_verify_cert(context) != 1) {
    return std::nullopt;
  }
  Time end = Time::max();
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    if (!IsForClients(sk_X509_value(chain, i))) {
      return std::nullopt;
    }
    end = std::min(end, NotAfter(sk_X509_value(chain, i)));
  }
  return end;
}

}  // namespace

CertificateVerifier::CertificateVerifier(const std::string& pem_bundle, const std::string& what) : id_(NextId()) {
  for (UniqueCertificate& certificate : ReadCertificates(pem_bundle, what)) {
    const std::shared_ptr<stack_st_X509>& anchor = anchors_.emplace_back(NewStack());
    Push(anchor.get(), std::move(certificate));
  }
}

std::shared_ptr<const CertificateOwner> CertificateVerifier::Verify(const PresentedCertificates& presented,
                                                                    Time now) const {
  {
    const std::lock_guard lock(presented.mutex_);
    for (const auto& memo : presented.memos_) {
      if (memo.verifier == id_ && memo.verdict->from <= now && now < memo.verdict->until) {
        return memo.verdict->owner;
      }
    }
  }
  const auto verdict = std::make_shared<const CertificateVerdict>(Judge(presented, now));
  ERR_clear_error();
  if (verdict->owner) {
    presented.vouched_for_ = true;
  }
  const std::lock_guard lock(presented.mutex_);
  auto memo = std::ranges::find(presented.memos_, id_, &PresentedCertificates::Memo::verifier);
  if (memo == presented.memos_.end()) {
    memo = presented.memos_.begin() + static_cast<std::ptrdiff_t>(presented.next_memo_);
    presented.next_memo_ = (presented.next_memo_ + 1) % presented.memos_.size();
  }
  *memo = {id_, verdict};
  return verdict->owner;
}

CertificateVerdict CertificateVerifier::Judge(const PresentedCertificates& presented, Time now) const {
  const CertificateVerdict refusal{nullptr, now, now + kRefusalLifetime};
  const UniqueStack chain = NewStack();
  for (const std::string& der : presented.der()) {
    UniqueCertificate certificate = FromDer(der);
    if (!certificate) {
      return refusal;
    }
    Push(chain.get(), std::move(certificate));
  }
  for (const auto& anchor : anchors_) {
    if (const auto until = ChainEnd(chain.get(), anchor.get(), now)) {
      const auto owner = OwnerOf(sk_X509_value(chain.get(), 0), presented.der().front());
      return owner ? CertificateVerdict{std::make_shared<const CertificateOwner>(*owner), now, *until} : refusal;
    }
  }
  return refusal;
}

}  // namespace server::http
