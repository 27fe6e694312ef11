// One conversion in a process of its own, which may be killed at a step: `convert-worker.mjs <root> <to> <step to die at, or 0>`.
import { writeSync } from 'node:fs'
import process from 'node:process'
import { convert } from '#lib/index.js'
import { setStepHook } from '#lib/store/step.js'
import { copyDisk } from './disk-copies.mjs'

const [root, to, killAt] = process.argv.slice(2)
let steps = 0
copyDisk('before')
setStepHook((name) => {
  writeSync(1, `${name}\n`)
  copyDisk(String(++steps))
  if (steps === Number(killAt)) process.kill(process.pid, 'SIGKILL')
})
await convert(root, { to })
copyDisk(String(steps + 1))
