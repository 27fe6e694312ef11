// The main job, as a user of the package does it: a base layer from the tar of a real root filesystem, a dozen layers above it, a
// program run inside the stack, what changed, as a list and as a tar, and nothing left behind.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, probe } from 'graphdriver'
import { LAYERS } from './layers.mjs'
import { fillUserland } from './userland.mjs'

const scratch = mkdtempSync(join(tmpdir(), 'graphdriver-demo-'))
const root = join(scratch, 'store')
const say = (text = '') => console.log(text)

async function main() {
  say(process.env.GRAPHDRIVER_DEMO ?? '')
  for (const { driver, supported, reason } of await probe(scratch)) {
    say(`  ${driver.padEnd(8)} ${supported ? 'works here' : `does not work here: ${reason}`}`)
  }
  const driver = await open({ root, sync: 'none' })
  try {
    say(`The first that works is taken: ${driver.name}, on ${root}\n`)
    const chain = await build(driver)
    await show(driver, chain.at(-1))
    for (const id of chain.toReversed()) await driver.remove(id)
    say(`\nTaken apart: ${chain.length} layers removed, ${(await driver.list()).length} left.`)
  } finally {
    await driver.close()
  }
}

/** Makes the layers from the bottom up; answers their ids. */
async function build(driver) {
  for (const name of ['package', 'userland']) mkdirSync(join(scratch, name))
  const origin = fillUserland(join(scratch, 'userland'), join(scratch, 'package'))
  const tar = spawn('tar', ['-C', join(scratch, 'userland'), '-c', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { entries, diffID } = await driver.create('base', { from: tar.stdout })
  say(`base        ${origin}`)
  say(`            from a tar of ${entries} entries, ${diffID.slice(0, 19)}…`)
  const chain = ['base']
  for (const [id, what, edit] of LAYERS) {
    await driver.create(id, { parent: chain.at(-1) })
    edit(await driver.get(id))
    await driver.put(id)
    chain.push(id)
    say(`${id.padEnd(11)} ${what}`)
  }
  return chain
}

/** Mounts the top, runs a program in it, and tells what the layers changed. */
async function show(driver, top) {
  const started = performance.now()
  const rootfs = await driver.use(top)
  say(
    `\n${LAYERS.length + 1} layers as one at ${rootfs.path}, in ${(performance.now() - started).toFixed(1)} ms`,
  )
  run(rootfs.path, '/bin/sh', '-c', 'echo "in the root of $(cat /etc/nodename):" $(ls /); /usr/share/app/run')
  say('\nWhat changed against the base layer:')
  for (const { kind, path } of await driver.changes(top, { parent: 'base' }))
    say(`  ${kind.padEnd(9)} ${path}`)
  await judge(driver, top, rootfs.path)
  await rootfs.release()
}

/** The changes as one layer's tar, and what GNU tar says of it. */
async function judge(driver, top, path) {
  const file = await openFile(join(scratch, 'changes.tar'), 'w')
  const { size, entries, warnings } = await driver.diffTo(top, file, { parent: 'base' })
  await file.close()
  say(`\nAs a tar: ${entries} entries, ${size} bytes, ${warnings.length} warnings.`)
  // Deletions are files of their own in a layer's tar; everything else must be what the mount shows.
  const compare = [
    '--compare',
    '--numeric-owner',
    '--exclude=.wh.*',
    '-f',
    join(scratch, 'changes.tar'),
    '-C',
    path,
  ]
  const { status, stdout, stderr } = spawnSync('tar', compare, { encoding: 'utf8' })
  say(
    `tar --compare with the mount says: ${(stdout + stderr).trim() || 'no difference'}, and exits with ${status}.`,
  )
  if (status !== 0) throw new Error('GNU tar sees a difference')
}

function run(path, ...command) {
  const { status, stdout, stderr, error } = spawnSync('chroot', [path, ...command], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
  })
  if (error !== undefined || status === 125) {
    say(
      `chroot does not work here (${error?.message ?? stderr.trim()}), so no program is run inside. It takes root.`,
    )
    return
  }
  say(`chroot ${command[0]} says, and exits with ${status}:`)
  say((stdout + stderr).trimEnd().replace(/^/gm, '  | '))
  if (status !== 0) throw new Error('the program inside failed')
}

try {
  await main()
} finally {
  rmSync(scratch, { recursive: true, force: true })
  const left = readdirSync(tmpdir()).filter((name) => scratch.endsWith(name))
  say(left.length === 0 ? 'Nothing is left behind.' : `Left behind: ${left.join(', ')}`)
}
