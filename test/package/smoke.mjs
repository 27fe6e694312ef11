// What a program does with the installed package, in one go; run by every runtime that it shall work on. Prints one line of
// JSON. `smoke.mjs DIRECTORY` mounts a tmpfs there, so it belongs into a mount namespace of its own.
import { createRequire } from 'node:module'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'graphdriver'
import { entries } from 'graphdriver/archive'
import { isMountPoint, mount } from 'graphdriver/mount'
import { mountinfo, mountinfoSync } from 'graphdriver/sys'

const target = process.argv[2]
const required = createRequire(import.meta.url)('graphdriver')

/** A layer on a layer by overlay: what is written is in the upper one, and its tar says so. */
async function layers() {
  const driver = await open({ root: join(target, 'store'), driver: 'overlay' })
  await driver.create('base')
  writeFileSync(join(await driver.get('base'), 'below'), 'below')
  await driver.put('base')
  await driver.create('app', { parent: 'base' })
  const path = await driver.get('app')
  const mounted = await isMountPoint(path)
  const below = readFileSync(join(path, 'below'), 'utf8')
  writeFileSync(join(path, 'file'), 'changed')
  await driver.put('app')
  const names = []
  for await (const entry of entries(await driver.diff('app'))) names.push(entry.name.toString())
  const left = existsSync(path) && (await isMountPoint(path))
  await driver.close()
  return { mounted, below, names, left }
}

// It goes with the namespace: not every runtime gives back what it opened there.
await mount({ type: 'tmpfs', source: 'smoke', target })
const done = await layers()
const mounts = (await mountinfo()).length
console.log(
  JSON.stringify({
    ...done,
    same: mounts === mountinfoSync().length && mounts > 0,
    required: typeof required.open,
    runtime: process.versions.bun ? 'bun' : process.versions.deno ? 'deno' : 'node',
    arch: process.arch,
  }),
)
