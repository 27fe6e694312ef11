// `npm run bench`: measures this package against its peers, side by side. docs/bench.md tells how to read it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, realpathSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { removeTreeSync } from 'graphdriver/sys'
import { selectRows } from './rows.mjs'
import { FEWEST } from './statistics.mjs'

const usage = `npm run bench -- [options] [row…]

A row is named whole (diff-small) or by how it begins (diff). Without any: all of them.
  --list          name the rows
  --scratch DIR   where the trees are made, and deleted at the end (the system's directory for temporary files)
  --factor N      trees of N times the size, to try a row (1)
  --seed N        other trees of the same kind (1)
  --pairs N       runs of each side, at least ${FEWEST} (11); doubled while the answer is open
  --most N        the most of them (88)
  --seconds N     no new pairs after so many seconds of one row (60)
  --json          print JSON
Ends with 1 when a bound is missed or a row failed, with 2 when an answer is still open.`

const defaults = { scratch: tmpdir(), factor: '1', seed: '1', pairs: '11', most: '88', seconds: '60' }
const numbers = ['factor', 'seed', 'pairs', 'most', 'seconds']

/** The options, numbers as numbers. */
function read() {
  const texts = Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: value }])
  const flags = ['list', 'json', 'help'].map((name) => [name, { type: 'boolean', default: false }])
  const { values, positionals } = parseArgs({
    options: Object.fromEntries([...texts, ...flags]),
    allowPositionals: true,
  })
  for (const name of numbers) {
    values[name] = Number(values[name])
    if (!(values[name] > 0)) throw new Error(`--${name} takes a number above 0`)
  }
  return { ...values, rows: positionals }
}

/** The words before the command: rows mount things, and in a namespace of their own nothing of that is left. */
function apart() {
  const words = ['unshare', '--mount', '--propagation', 'private']
  const works = process.getuid?.() === 0 && spawnSync(words[0], [...words.slice(1), 'true']).status === 0
  return works ? words : []
}

/** Some filesystems wait for the disk at every file that goes (ext4 with `discard`), so many go at once. */
function clear(scratch) {
  const files = 'find "$1" -xdev -type f -print0 | xargs -0 -r -n 100 -P 16 rm -f'
  spawnSync('sh', ['-c', files, 'sh', scratch], { stdio: 'ignore' })
  removeTreeSync(scratch)
}

async function measure(options) {
  // Deleted from here, so that it is gone whatever happens to the other process.
  const scratch = realpathSync(mkdtempSync(join(options.scratch, 'graphdriver-bench-')))
  const inside = join(import.meta.dirname, 'inside.mjs')
  const [command, ...args] = [...apart(), process.execPath, inside, scratch, JSON.stringify(options)]
  try {
    const child = spawn(command, args, { stdio: 'inherit' })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
    const [status, signal] = await once(child, 'close')
    return status ?? 128 + constants.signals[signal]
  } finally {
    clear(scratch)
  }
}

try {
  const options = read()
  if (options.help) console.log(usage)
  else {
    const rows = await selectRows(options.rows)
    if (options.list) for (const { name, work } of rows) console.log(`${name.padEnd(18)}${work}`)
    else process.exitCode = await measure(options)
  }
} catch (error) {
  console.error(`${error.message}\n\n${usage}`)
  process.exitCode = 1
}
