#include "sha256.h"

// EVP_DigestInit(3): the same in every OpenSSL since 1.1. Weak, so that they may be missing.
#define OPENSSL_FUNCTION extern "C" __attribute__((weak, visibility("default")))
OPENSSL_FUNCTION void* EVP_MD_CTX_new();
OPENSSL_FUNCTION void EVP_MD_CTX_free(void* context);
OPENSSL_FUNCTION const void* EVP_sha256();
OPENSSL_FUNCTION int EVP_DigestInit_ex(void* context, const void* type, void* engine);
OPENSSL_FUNCTION int EVP_DigestUpdate(void* context, const void* data, size_t size);
OPENSSL_FUNCTION int EVP_DigestFinal_ex(void* context, unsigned char* digest, unsigned* size);
#undef OPENSSL_FUNCTION

namespace graphdriver {

bool Sha256::Available() {
  return &EVP_MD_CTX_new != nullptr && &EVP_MD_CTX_free != nullptr && &EVP_sha256 != nullptr &&
         &EVP_DigestInit_ex != nullptr && &EVP_DigestUpdate != nullptr &&
         &EVP_DigestFinal_ex != nullptr;
}

Sha256::~Sha256() {
  if (context_ != nullptr) EVP_MD_CTX_free(context_);
}

bool Sha256::Start() {
  if (!Available()) return false;
  context_ = EVP_MD_CTX_new();
  return context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1;
}

bool Sha256::Update(const void* data, size_t size) {
  return EVP_DigestUpdate(context_, data, size) == 1;
}

bool Sha256::Finish(uint8_t digest[kSize]) {
  return EVP_DigestFinal_ex(context_, digest, nullptr) == 1;
}

}  // namespace graphdriver
