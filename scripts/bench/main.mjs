// `npm run bench`: measures this package against its peers, side by side. docs/bench.md tells how to read it.
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { run } from '../run.mjs'
import { runApart } from './apart.mjs'
import { selectRows } from './rows.mjs'
import { FEWEST } from './statistics.mjs'

/** Debian's packages of the programs that rows compare with. */
const PEERS = [
  'gcc',
  'libc6-dev',
  'tar',
  'coreutils',
  'mount',
  'libarchive-tools',
  'golang-go',
  'golang-github-moby-sys-dev',
]

const usage = `npm run bench -- [options] [row…]

A row is named whole (diff-small) or by how it begins (diff). Without any: all of them.
  --list          name the rows
  --scratch DIR   where the trees are made, and deleted at the end (the system's directory for temporary files)
  --factor N      trees of N times the size, to try a row (1)
  --seed N        other trees of the same kind (1)
  --pairs N       runs of each side, at least ${FEWEST} (11); doubled while the answer is open
  --most N        the most of them (88)
  --seconds N     no new pairs after so many seconds of one row (45)
  --json          print JSON
  --picture FILE  draw the rows as an SVG file
  --install       install the peers that are programs, by apt-get, first
Ends with 1 when a bound is missed or a row failed, with 2 when an answer is still open or a row was skipped.`

const defaults = {
  scratch: tmpdir(),
  factor: '1',
  seed: '1',
  pairs: '11',
  most: '88',
  seconds: '45',
  picture: '',
}
const numbers = ['factor', 'seed', 'pairs', 'most', 'seconds']

/** The options, numbers as numbers. */
function read() {
  const texts = Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: value }])
  const flags = ['list', 'json', 'install', 'help'].map((name) => [name, { type: 'boolean', default: false }])
  const { values, positionals } = parseArgs({
    options: Object.fromEntries([...texts, ...flags]),
    allowPositionals: true,
  })
  for (const name of numbers) {
    values[name] = Number(values[name])
    if (!(values[name] > 0)) throw new Error(`--${name} takes a number above 0`)
  }
  // The measuring has another working directory.
  const picture = values.picture === '' ? '' : resolve(values.picture)
  return { ...values, picture, rows: positionals }
}

try {
  const options = read()
  if (options.help) console.log(usage)
  else {
    const rows = await selectRows(options.rows)
    const width = Math.max(...rows.map(({ name }) => name.length)) + 2
    if (options.list) for (const { name, work } of rows) console.log(`${name.padEnd(width)}${work}`)
    else if (options.install && run('apt-get', ['install', '-y', ...PEERS]) !== 0) process.exitCode = 1
    else process.exitCode = await runApart('inside.mjs', options)
  }
} catch (error) {
  console.error(`${error.message}\n\n${usage}`)
  process.exitCode = 1
}
