// `npm test`: builds what is out of date and runs every suite. `npm test -- unit kernel` runs only these;
// and `npm test -- kernel/archive` only what is in that directory; --long is the big figures, --no-build takes what is built;
// --on=node-22 runs on another Node.js (see machines.mjs), as --long does on all of them. Arguments after `--` go to mocha.
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChecks } from './checks/all.mjs'
import { installJudges } from './judges.mjs'
import { machine, machines } from './machines.mjs'
import { capture, has, root, run } from './run.mjs'

const NOBODY = 65534
const words = process.argv.slice(2)
const end = words.includes('--') ? words.indexOf('--') : words.length
const [own, forMocha] = [words.slice(0, end), words.slice(end + 1)]
const long = own.includes('--long')
const wanted = own.filter((word) => !word.startsWith('--'))
const isRoot = process.getuid?.() === 0
const privately = ['unshare', '--mount', '--propagation', 'private']
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']

/** The command that gives an ordinary user a mount namespace of his own, or the reason why there is none. */
function userNamespace() {
  if (!has('unshare')) return 'unshare is missing (util-linux)'
  const enter = ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private']
  const readable = ['test', '-r', join(root, 'package.json')]
  const candidates = isRoot ? [[...asNobody, ...enter], enter] : [enter]
  const works = candidates.find(
    ([command, ...args]) => capture(command, [...args, ...readable]) !== undefined,
  )
  return works ?? 'this machine allows no user namespaces'
}

function asRoot() {
  if (!isRoot) return 'needs root'
  return capture(privately[0], [...privately.slice(1), 'true']) === undefined
    ? 'unshare --mount is not allowed here'
    : privately
}

/** Title, directory below test/, and the words before the command; a string there is the reason for a skip. */
const suites = [
  ['unit', 'unit', () => []],
  ['package', 'package', () => []],
  ['native', 'native', () => (isRoot ? asRoot() : [])],
  ['kernel', 'kernel', asRoot],
  ['contract', 'contract', asRoot],
  ['contract in a user namespace', 'contract', userNamespace],
]

function runSuite(directory, prefix, on) {
  const tmp = mkdtempSync(join(tmpdir(), 'graphdriver-test-'))
  const results = join(tmp, 'results.json')
  const work = mkdtempSync(join(tmp, 'tmp-'))
  // As anybody may pass through /tmp.
  for (const path of [tmp, work]) chmodSync(path, 0o755)
  if (prefix.includes(asNobody[0])) for (const path of [tmp, work]) chownSync(path, NOBODY, NOBODY)
  const requires = on.requires.flatMap((file) => ['--require', file])
  const args = [join(root, 'scripts/suite.mjs'), directory, results, ...requires, ...forMocha]
  const [command, ...rest] = [...prefix, on.node, ...args]
  // The fresh build, even where prebuilt binaries lie about; the package suite installs one itself.
  const native = process.env.GRAPHDRIVER_NATIVE ?? join(root, 'build/Release/graphdriver.node')
  const addon = directory === 'package' ? {} : { GRAPHDRIVER_NATIVE: native }
  const figures = long && on.node === process.execPath ? { GRAPHDRIVER_LONG: '1' } : {}
  const env = { ...process.env, ...addon, TMPDIR: work, ...figures, ...on.env }
  try {
    run(command, rest, { env })
    return JSON.parse(readFileSync(results, 'utf8'))
  } catch (error) {
    console.log(`    the suite gave no results: ${error.message}`)
    return { passed: 0, failed: 1, skipped: [] }
  } finally {
    // Never across a mount: what a suite left mounted is in its own namespace, which is gone.
    rmSync(tmp, { recursive: true, force: true })
  }
}

function mounts() {
  return capture('cat', ['/proc/self/mountinfo'])
}

const began = Date.now()
console.log(`budget: ${long ? '3 hours, with the big figures' : '10 minutes'}`)
if (!own.includes('--no-build')) {
  const status = run(process.execPath, [join(root, 'scripts/build.mjs')])
  if (status !== 0) {
    console.log('the build failed\n0 passed, 1 failed')
    process.exit(1)
  }
}
if (wanted.length === 0) installJudges()

const before = mounts()
const table = []
if (wanted.length === 0 || wanted.includes('checks')) {
  console.log('\nchecks')
  table.push(['checks', { ...(await runChecks()), skipped: [] }])
}
function runOn(name) {
  let on
  try {
    on = machine(name)
  } catch (error) {
    console.log(`${name}: ${error.message}`)
    table.push([`everything on ${name}`, { passed: 0, failed: 1, skipped: [] }])
    return
  }
  const where = name === 'own' ? '' : ` on ${name}`
  for (const [title, directory, environment] of suites) {
    const asked = wanted.filter((word) => word.split('/')[0] === directory)
    if (wanted.length > 0 ? asked.length === 0 : !machines[name].includes(directory)) continue
    for (const part of asked.length > 0 ? asked : [directory]) {
      const suite = `${title.replace(directory, part)}${where}`
      console.log(`\n===== ${suite}`)
      const prefix = environment()
      table.push([suite, typeof prefix === 'string' ? prefix : runSuite(part, prefix, on)])
    }
  }
}

const named = own.filter((word) => word.startsWith('--on=')).map((word) => word.slice('--on='.length))
const all = long && wanted.length === 0 ? Object.keys(machines) : ['own']
for (const name of named.length > 0 ? named : all) runOn(name)
const clean = mounts() === before
table.push(['nothing left mounted', { passed: Number(clean), failed: Number(!clean), skipped: [] }])

console.log('')
const total = { passed: 0, failed: 0 }
for (const [title, counts] of table) {
  if (typeof counts === 'string') {
    console.log(`${title}: SKIPPED: ${counts}`)
    continue
  }
  console.log(`${title}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped.length} skipped`)
  for (const skip of counts.skipped) console.log(`  ${skip}`)
  total.passed += counts.passed
  total.failed += counts.failed
}
console.log(`took ${Math.round((Date.now() - began) / 1000)} s`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exit(total.failed === 0 ? 0 : 1)
