// One process of the tests: opens a store, makes calls, and dies where it is told to. Plain JavaScript, since hundreds of
// them are started. `worker.mjs <job as JSON>`; see `Job` in processes.ts. As a worker thread it stops there, to be ended.
import { writeSync } from 'node:fs'
import process from 'node:process'
import { isMainThread, parentPort } from 'node:worker_threads'
import { open } from 'graphdriver'
import { setStepHook } from '#lib/store/step.js'

const { options, before = [], work = [], killAt = 0, hookOpen = false } = JSON.parse(process.argv[2] ?? '')
let steps = 0

function atStep(name) {
  if (isMainThread) writeSync(1, `${name}\n`)
  if (++steps !== killAt) return
  if (isMainThread) process.kill(process.pid, 'SIGKILL')
  parentPort.on('message', () => undefined)
  parentPort.postMessage(name)
  return new Promise(() => undefined)
}

if (hookOpen) setStepHook(atStep)
const driver = await open(options)
for (const [method, ...args] of before) await driver[method](...args)
setStepHook(atStep)
for (const [method, ...args] of work) await driver[method](...args)
setStepHook(undefined)
if (process.env.GRAPHDRIVER_TEST_STAY === '1') {
  writeSync(1, 'staying\n')
  await new Promise((resolve) => setTimeout(resolve, 600_000))
}
// As if it died: what it holds stays for others to find.
process.exit(0)
