// `npm run sanitize`: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer, and once more with
// ThreadSanitizer, and runs on each the suites that work the native code. `sanitize.mjs asan` or `tsan` is one of the two;
// other words are suites (`native`, `kernel/archive`), arguments after `--` go to mocha. Fails when anything does.
import { join } from 'node:path'
import { root, run } from './run.mjs'

const KINDS = { asan: 'AddressSanitizer, UndefinedBehaviorSanitizer', tsan: 'ThreadSanitizer' }
/** Programs that do not run with ThreadSanitizer's runtime in them, or not with few descriptors; and a race that it is too slow for. */
const WITHOUT = ['--grep', 'right in the eyes of|do with 256 descriptors|swaps:', '--invert']
const SUITES = ['native', 'unit', 'kernel/archive']

const words = process.argv.slice(2)
const end = words.includes('--') ? words.indexOf('--') : words.length
const own = words.slice(0, end)
const options = own.filter((word) => word.startsWith('--'))
const kinds = Object.keys(KINDS).filter((kind) => own.includes(kind))
const asked = own.filter((word) => !(word in KINDS) && !options.includes(word))
const suites = asked.length > 0 ? asked : SUITES

function runOn(kind) {
  const built = run(process.execPath, [join(root, 'scripts/cmake.mjs'), kind])
  if (built !== 0) return built
  // These builds are several times slower, and what is under way all the longer under way.
  const given = words.slice(end + 1)
  const mocha = ['--timeout', '600000', ...(kind === 'tsan' && given.length === 0 ? WITHOUT : given)]
  const args = [join(root, 'scripts/test.mjs'), '--no-build', ...options, ...suites, '--', ...mocha]
  const native = join(root, 'build', kind, 'graphdriver.node')
  return run(process.execPath, args, { env: { ...process.env, GRAPHDRIVER_NATIVE: native } })
}

const results = (kinds.length > 0 ? kinds : Object.keys(KINDS)).map((kind) => {
  console.log(`\n########## ${kind}: ${KINDS[kind]}`)
  return [kind, runOn(kind)]
})
console.log('')
for (const [kind, status] of results)
  console.log(`${kind} on ${suites.join(', ')}: ${status === 0 ? 'passed' : 'FAILED'}`)
process.exit(results.every(([, status]) => status === 0) ? 0 : 1)
