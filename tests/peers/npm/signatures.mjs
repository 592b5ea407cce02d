// Signs or verifies one message by a public library: what is wanted comes as JSON, and so does what came of it.

import { readFileSync } from 'node:fs'
import * as standardwebhooks from 'standardwebhooks'
import * as svix from 'svix'

const { library, secret, body, headers, id, at } = JSON.parse(readFileSync(0, 'utf8'))
const webhook = new { standardwebhooks, svix }[library].Webhook(secret)

function verify() {
  try {
    webhook.verify(body, headers)
    return 'believed'
  } catch (error) {
    return error.constructor.name
  }
}

console.log(JSON.stringify(id ? webhook.sign(id, new Date(at * 1000), body) : verify()))
