// A department's end: takes signed tasks, answers 202, calls back when it has decided.

import {
  closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'

const webhook = new Webhook(process.env.SIGNING_SECRET)
const callbackUrl = process.env.CALLBACK_URL // http://127.0.0.1:8000/v1/callbacks/<department>
const folder = process.env.FOLDER ?? 'department'
const planned = join(folder, 'planned') // a file for each callback that has no answer yet
const answered = join(folder, 'answered') // and for each that has
const largestBody = 262_144 // onenet sends no more

// Plans what this department will say of the task: put your work here. This one grants everything.
function take(task) {
  const results = task.results_expected.map(code => ({ code, number: `EX-${task.case.number}` }))
  say(task.task, 1, { outcome: 'accepted', opinion: '同意受理' })
  say(task.task, 2, { outcome: 'completed', opinion: '准予办理', results })
}

// Plans one callback. Its id follows from task and seq: a task that comes twice changes nothing.
function say(task, seq, outcome) {
  const id = `${task}_${seq}`
  if (existsSync(join(planned, id)) || existsSync(join(answered, id))) return
  const message = { type: 'task.outcome', timestamp: new Date().toISOString(), data: { task, seq, ...outcome } }
  const half = join(folder, id)
  writeFileSync(half, JSON.stringify(message), { flush: true })
  renameSync(half, join(planned, id)) // whole or not at all
  keep(planned)
}

// Sends what is planned, in order, until each has its answer; after a restart, too.
async function keepCallingBack() {
  for (;;) {
    for (const id of readdirSync(planned).sort()) {
      const body = readFileSync(join(planned, id), 'utf8')
      const status = await callBack(id, body)
      console.log(id, JSON.parse(body).data.outcome, status)
      if ([401, 408, 429].includes(status) || status >= 500) break // again; every other answer is final
      renameSync(join(planned, id), join(answered, id))
    }
    await sleep(1000)
  }
}

async function callBack(id, body) {
  const now = new Date() // each try is signed anew, under the same id
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now / 1000)),
    'webhook-signature': webhook.sign(id, now, body),
  }
  try {
    return (await fetch(callbackUrl, { method: 'POST', body, headers, signal: AbortSignal.timeout(10_000) })).status
  } catch {
    return 503 // nobody there: as if onenet had said "not now"
  }
}

// The names in a folder are on disk too, whatever happens to the power.
function keep(path) {
  const handle = openSync(path, 'r')
  fsyncSync(handle)
  closeSync(handle)
}

function receive(headers, body) {
  let message
  try {
    message = webhook.verify(body, headers)
  } catch {
    return 401
  }
  try {
    if (message.type === 'step.requested') take(message.data) // on disk before the answer: a 2xx is a promise
    return 202
  } catch (error) {
    console.error(error)
    return 503 // onenet sends it again
  }
}

mkdirSync(planned, { recursive: true })
mkdirSync(answered, { recursive: true })
createServer((request, response) => {
  const parts = []
  let size = 0
  request.on('data', part => ((size += part.length) > largestBody ? request.destroy() : parts.push(part)))
  request.on('end', () => response.writeHead(receive(request.headers, Buffer.concat(parts).toString())).end())
}).listen(Number(process.env.PORT ?? 9000), '127.0.0.1')
await keepCallingBack()
