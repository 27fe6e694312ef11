// The main job, as a user of the package does it: a base layer from a real root filesystem, a dozen layers above it, a program
// run inside the stack, what changed, and nothing left behind.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, probe } from 'graphdriver'
import { compareTrees } from './compare.mjs'
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
  await driver.create('base')
  mkdirSync(join(scratch, 'package'))
  const origin = fillUserland(await driver.get('base'), join(scratch, 'package'))
  await driver.put('base')
  say(`base        ${origin}`)
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
  const base = await driver.get('base')
  say('\nWhat changed against the base layer:')
  for (const [kind, path] of compareTrees(base, rootfs.path)) say(`  ${kind.padEnd(9)} /${path}`)
  await driver.put('base')
  await rootfs.release()
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
