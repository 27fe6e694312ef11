// All checks, one after the other; each counts as one test. Alone: `npm run check`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { bin, root } from '../run.mjs'

const own = (name) => [join(root, 'scripts/checks', `${name}.mjs`)]

/** Name and command of each check, the quick ones first. */
export const checks = [
  ['floors: who imports whom', own('floors')],
  ['sizes of files and functions', own('sizes')],
  ['symbols: one binary for glibc and musl', own('symbols')],
  ['format', [join(root, 'scripts/format.mjs'), '--check']],
  ['types of the tests', [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.test.json']],
  ['lint', [bin('eslint'), '.']],
  ['unused code (knip)', [bin('knip')]],
  ['interface as in etc/', own('api')],
  ['no any in the declarations', own('any')],
  ['dependencies: ranges, scripts', own('dependencies')],
  ['man page and generated pages', own('pages')],
  ['reference in docs/api', own('reference')],
  ['package contents, exports and types', own('pack')],
]

/** Runs them all and prints a line for each, with the output of those that fail. Answers the counts. */
export function runChecks() {
  const counts = { passed: 0, failed: 0 }
  for (const [name, args] of checks) {
    const done = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
    counts[done.status === 0 ? 'passed' : 'failed']++
    console.log(`  ${done.status === 0 ? 'ok' : 'FAILED'}  ${name}`)
    if (done.status !== 0) console.log(`${done.stdout}${done.stderr}`.replace(/^/gm, '      '))
  }
  return counts
}

if (process.argv[1] === import.meta.filename) {
  const { passed, failed } = runChecks()
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
}
