// One process of the tests: opens a store, makes calls, and dies where it is told to. Plain JavaScript, since hundreds of
// them are started. `worker.mjs <job as JSON>`; see `Job` in processes.ts. As a worker thread it stops there, to be ended.
import { writeSync } from 'node:fs'
import process from 'node:process'
import { isMainThread, parentPort } from 'node:worker_threads'
import { open } from '#lib/index.js'
import { fromEntries } from '#lib/archive/index.js'
import { setStepHook } from '#lib/store/step.js'
import { copyDisk } from './disk-copies.mjs'

const { options, before = [], work = [], killAt = 0, hookOpen = false } = JSON.parse(process.argv[2] ?? '')
let steps = 0

function atStep(name) {
  if (isMainThread) writeSync(1, `${name}\n`)
  copyDisk(String(++steps))
  if (steps !== killAt && name !== killAt) return
  if (isMainThread) process.kill(process.pid, 'SIGKILL')
  parentPort.on('message', () => undefined)
  parentPort.postMessage(name)
  return new Promise(() => undefined)
}

/** A tar cannot be said in JSON: this word stands for one. */
const TAR = '<tar>'

function tar() {
  const body = Buffer.from('of the tar')
  return fromEntries([
    { name: 'd/', type: 'directory' },
    { name: 'd/new', type: 'file', body },
    { name: 'd/again', type: 'link', linkname: 'd/new' },
    { name: '.wh.file', type: 'file', size: 0 },
    { name: 'link', type: 'symlink', linkname: 'd/new' },
  ])
}

function revived(value) {
  if (value === TAR) return tar()
  return value?.from === TAR ? { ...value, from: tar() } : value
}

copyDisk('before')
if (hookOpen) setStepHook(atStep)
const driver = await open(options)
for (const [method, ...args] of before) await driver[method](...args)
setStepHook(atStep)
for (const [method, ...args] of work) await driver[method](...args.map(revived))
setStepHook(undefined)
copyDisk(String(steps + 1))
if (process.env.GRAPHDRIVER_TEST_STAY === '1') {
  writeSync(1, 'staying\n')
  await new Promise((resolve) => setTimeout(resolve, 600_000))
}
// As if it died: what it holds stays for others to find.
process.exit(0)
