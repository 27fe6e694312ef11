// What the package needs at run time: each by a range of which both ends are tested (test/package/dependencies.test.ts), the newer
// by every run, since it is what is installed; nothing that runs a script; and each package has its reason in README. `dependencies.mjs [directory]` checks another package.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { root } from '../run.mjs'

const base = resolve(process.argv[2] ?? root)
const read = (name) => JSON.parse(readFileSync(join(base, name), 'utf8'))
const { dependencies = {}, devDependencies = {} } = read('package.json')
const { packages } = read('package-lock.json')
const problems = []

for (const [name, range] of Object.entries(dependencies)) {
  const [, , newest] = /^>=(\S+) <=(\S+)$/.exec(range) ?? []
  const installed = packages[`node_modules/${name}`]?.version
  if (newest === undefined) problems.push(`${name}: ${range} is not ">=oldest <=newest"`)
  else if (installed !== newest)
    problems.push(`${name}: ${installed} is installed, and ${newest} the newest allowed`)
}
const shipped = Object.entries(packages).filter(([path, entry]) => path !== '' && !entry.dev)
for (const [path, entry] of shipped)
  if (entry.hasInstallScript)
    problems.push(`${path.replace(/^.*node_modules\//, '')}: has an installation script`)
// Types and parts of a package go with it.
const scoped = /^@(types|eslint)\//
const reasons = readFileSync(join(base, 'README.md'), 'utf8').split('## Dependencies')[1] ?? ''
const explained = new Set(reasons.match(/[\w@/.-]+/g))
for (const name of Object.keys({ ...dependencies, ...devDependencies }))
  if (!scoped.test(name) && !explained.has(name)) problems.push(`${name}: README does not say what for`)

for (const problem of problems) console.error(problem)
console.log(`dependencies: ${shipped.length} packages at run time, ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
