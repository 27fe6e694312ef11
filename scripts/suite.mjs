// Runs one suite in the namespace that it is started in: `suite.mjs <suite> <results file> [mocha arguments…]`.
// Afterwards nothing may be left: no mount in this namespace, no file in TMPDIR.
import { existsSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bin, root, run } from './run.mjs'

const [suite, results, ...args] = process.argv.slice(2)
const tmp = process.env.TMPDIR
const OVERLAYFS_MAGIC = 0x794c7630
/** What the tools keep in a temporary directory for the next run. */
const caches = /^(tsx-|node-compile-cache|node-coverage)/

/** The mounts of this namespace, without their ids. */
function mounts() {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n')
  return lines.map((line) => line.split(' ').slice(2).join(' '))
}

function leftovers(before) {
  const left = mounts().filter((line) => !before.includes(line))
  const files = readdirSync(tmp).filter((name) => !caches.test(name))
  return [...left.map((line) => `mounted: ${line}`), ...files.map((name) => `file: ${join(tmp, name)}`)]
}

/** A sanitizer's runtime has to be loaded before Node is. */
function sanitizer() {
  const kind = /\/(asan|tsan)\//.exec(process.env.GRAPHDRIVER_NATIVE ?? '')?.[1]
  if (!kind) return {}
  const preload = readFileSync(join(root, 'build', kind, 'preload'), 'utf8').trim()
  return {
    LD_PRELOAD: preload,
    // Node itself never frees what lives as long as the process; and what is kept from being used again would be growth to the tests.
    ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? 'detect_leaks=0 quarantine_size_mb=16',
    UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? 'print_stacktrace=1',
    // Of Node, which is not instrumented, it sees only half: what that does among its own threads looks like races.
    TSAN_OPTIONS: process.env.TSAN_OPTIONS ?? 'ignore_noninstrumented_modules=1 atexit_sleep_ms=0',
  }
}

// An overlay's upper directory cannot lie on an overlay, as /tmp does inside a container.
if (/^(kernel|contract)\b/.test(suite) && statfsSync(tmp).type === OVERLAYFS_MAGIC) {
  run('mount', ['-t', 'tmpfs', 'graphdriver-test', tmp])
}
const before = mounts()
const specs = `test/${suite}/**/*.test.ts`
const slow = process.env.GRAPHDRIVER_SLOW ? ['--require', join(root, 'scripts/slow.cjs')] : []
const command = [bin('mocha'), '--reporter', join(root, 'scripts/reporter.cjs'), ...slow, ...args, specs]
const env = { ...process.env, ...sanitizer(), GRAPHDRIVER_RESULTS: results }
const status = run(process.execPath, command, { env })
const ended = Date.now()

const counts = existsSync(results)
  ? JSON.parse(readFileSync(results, 'utf8'))
  : { passed: 0, failed: 0, skipped: [] }
// Where an emulator lacks a system call, a case stops halfway.
const left = process.env.GRAPHDRIVER_EMULATED ? [] : leftovers(before)
for (const line of left) console.log(`    left behind: ${line}`)
counts[left.length === 0 ? 'passed' : 'failed']++
if (counts.ended && ended - counts.ended > 5000) {
  console.log(
    `    something kept the process alive for ${Math.round((ended - counts.ended) / 1000)} s after its last test`,
  )
}
if (status !== 0 && counts.failed === 0) {
  console.log(`    mocha ended with ${status} and without a word`)
  counts.failed++
}
writeFileSync(results, JSON.stringify(counts))
