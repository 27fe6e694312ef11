// Which file imports which: a file may use its own directory, the shared files above it on its own floor, and the
// floors below. `floors.mjs [directory]` checks another tree than lib/.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'
import { root } from '../run.mjs'

const floors = { sys: 1, mount: 2, archive: 2, store: 3, drivers: 4, cli: 5 }
/** Files directly in lib/ are what the user sees; they may use everything but the command. */
const top = 4.5
/** The only file that loads the addon. */
const loader = 'sys/binding.ts'

const lib = resolve(process.argv[2] ?? join(root, 'lib'))
const problems = []

function floorOf(file) {
  const [directory, ...rest] = file.split('/')
  return rest.length === 0 ? top : floors[directory]
}

/** Directories where one holds the other, or both are the same. */
function inLine(one, other) {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`)
}

function judge(file, target) {
  const [from, to] = [floorOf(file), floorOf(target)]
  if (target.startsWith('..')) return 'leaves lib/'
  if (to === undefined) return `${dirname(target)} has no floor: name it in scripts/checks/floors.mjs`
  if (to > from) return `floor ${from} uses floor ${to}`
  const same = from === to && from !== top
  if (same && file.split('/')[0] !== target.split('/')[0]) return 'uses another part of its own floor'
  if (same && !inLine(dirname(file), dirname(target))) return 'uses a sibling directory'
  return undefined
}

function check(file) {
  if (floorOf(file) === undefined) problems.push(`${file}: in no floor`)
  const text = readFileSync(join(lib, file), 'utf8')
  if (file !== loader && /createRequire|process\.dlopen/.test(text))
    problems.push(`${file}: only ${loader} loads native code`)
  for (const { fileName: name } of ts.preProcessFile(text, true, true).importedFiles) {
    if (name.startsWith('#') || name.startsWith('graphdriver'))
      problems.push(`${file}: ${name}: import by a relative path`)
    if (!name.startsWith('.')) continue
    if (!name.endsWith('.ts')) problems.push(`${file}: ${name}: imports end in .ts`)
    const reason = judge(file, relative(lib, join(lib, dirname(file), name)))
    if (reason) problems.push(`${file}: ${name}: ${reason}`)
  }
}

const files = readdirSync(lib, { recursive: true }).filter((name) => name.endsWith('.ts'))
files.forEach(check)
for (const problem of problems) console.error(problem)
console.log(`floors: ${files.length} files, ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
