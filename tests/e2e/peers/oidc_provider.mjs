// An OpenID provider for the tests: RS256, access tokens as JWT (RFC 9068), two clients, and anybody as an officer.
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [port, audience, redirect] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), kid: "k1", alg: "RS256", use: "sig" };
const auth = { client_secret: "s3", id_token_signed_response_alg: "RS256" };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [key] },
  cookies: { keys: ["only-for-tests"] },
  clients: [
    { client_id: "console", ...auth, redirect_uris: [redirect], grant_types: ["authorization_code"] },
    { client_id: "health-system", ...auth, redirect_uris: [], response_types: [], grant_types: ["client_credentials"] },
  ],
  claims: { openid: ["sub", "roles"] },
  conformIdTokenClaims: false,
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, roles: ["officer"] }) }),
  extraTokenClaims: (_, token) => ({ roles: token.kind === "ClientCredentials" ? ["department"] : ["officer"] }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "", audience, accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
