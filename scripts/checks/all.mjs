// All checks, as many at once as there are processors; each counts as one test. Alone: `npm run check`.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { bin, root } from '../run.mjs'

const own = (name) => [join(root, 'scripts/checks', `${name}.mjs`)]

/** Name and command of each check; the one that takes longest begins. */
export const checks = [
  ['lint', [bin('eslint'), '.']],
  ['floors: who imports whom', own('floors')],
  ['sizes of files and functions', own('sizes')],
  ['symbols: one binary for glibc and musl', own('symbols')],
  ['format', [join(root, 'scripts/format.mjs'), '--check']],
  ['types of the tests', [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.test.json']],
  ['unused code (knip)', [bin('knip')]],
  ['interface as in etc/', own('api')],
  ['no any in the declarations', own('any')],
  ['dependencies: ranges, scripts', own('dependencies')],
  ['man page and generated pages', own('pages')],
  ['reference in docs/api', own('reference')],
  ['package contents, exports and types', own('pack')],
]

/** Ends with whether it was well, and what it printed. */
async function run(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const code = new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  const [status, out, err] = await Promise.all([code, text(child.stdout), text(child.stderr)])
  return { ok: status === 0, said: `${out}${err}` }
}

/** Runs them all and prints a line for each, with the output of those that fail. Answers the counts. */
export async function runChecks() {
  const counts = { passed: 0, failed: 0 }
  const rest = checks.values()
  const worker = async () => {
    for (const [name, args] of rest) {
      const { ok, said } = await run(args)
      counts[ok ? 'passed' : 'failed']++
      console.log(`  ${ok ? 'ok' : 'FAILED'}  ${name}`)
      if (!ok) console.log(said.replace(/^/gm, '      '))
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return counts
}

if (process.argv[1] === import.meta.filename) {
  const { passed, failed } = await runChecks()
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
}
