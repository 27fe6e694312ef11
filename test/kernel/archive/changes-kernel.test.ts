import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { mountSync, MS_RDONLY, umount2Sync } from 'graphdriver/sys'
import { changes } from '#lib/archive/changes.js'
import { LONG } from '../../figures.ts'
import { describeMounts } from '../namespace.ts'
import { itSince } from '../since.ts'
import { seeded } from '../store/support.ts'
import { type Layer, type Node, put, shown, writeLayer } from './changes/layers.ts'
import { pick, type Random } from './changes/model.ts'

const rounds = LONG ? 2000 : 60
const names = ['a', 'b', 'c'] as const

/** No two entries are alike: size, time and mode tell which layer's is seen. */
function entry(random: Random, serial: number): Node {
  const type =
    pick(random, ['directory', 'directory', 'directory', 'file', 'link', 'fifo'] as const) ?? 'file'
  const mtime = 1_000_000_000_000_000_001n + BigInt(serial) * 1_000_000_007n
  const content = type === 'file' || type === 'link' ? 'x'.repeat(serial + 1) : ''
  return {
    type,
    mode: type === 'link' ? 0o777 : 0o600 | (serial & 0o77),
    uid: serial,
    mtime,
    content,
    note: '',
  }
}

/** Any combination of entries, whiteouts and opaque directories, whether it makes sense or not. */
function randomLayer(random: Random, next: () => number): Layer {
  const layer: Layer = { entries: new Map(), gone: new Set(), opaque: new Set() }
  const fill = (directory: string, depth: number): void => {
    // The kernel does not ask it of the root.
    if (random() < 0.2) layer.opaque.add(directory)
    for (const name of names) {
      const path = directory === '' ? name : `${directory}/${name}`
      const kind = random()
      if (kind < 0.2) layer.gone.add(path)
      if (kind < 0.2 || kind > 0.85) continue
      const made = depth > 3 ? { ...entry(random, next()), type: 'file' as const } : entry(random, next())
      layer.entries.set(path, made)
      if (made.type === 'directory') fill(path, depth + 1)
    }
  }
  fill('', 0)
  return layer
}

function mountOverlay(lowers: readonly string[], target: string, userxattr: boolean): void {
  const options = `lowerdir=${lowers.join(':')},index=off,metacopy=off,redirect_dir=nofollow,xino=off`
  mountSync('overlay', target, 'overlay', MS_RDONLY, userxattr ? `${options},userxattr` : options)
}

/**
 * Copies what can be found in a union. The kernel also lists some whiteouts, of directories that only one layer has, which nobody can open.
 */
function copyFound(from: string, to: string): void {
  for (const path of (readdirSync(from, { recursive: true }) as string[]).sort()) {
    const stat = lstatSync(join(from, path), { bigint: true, throwIfNoEntry: false })
    if (stat === undefined) continue
    const { mode, uid, mtimeNs: mtime } = stat
    const common = { mode: Number(mode) & 0o7777, uid: Number(uid), mtime, note: '' }
    if (stat.isDirectory()) put(to, path, { type: 'directory', content: '', ...common })
    else if (stat.isFIFO()) put(to, path, { type: 'fifo', content: '', ...common })
    else if (stat.isSymbolicLink())
      put(to, path, { type: 'link', content: readlinkSync(join(from, path)), ...common })
    else put(to, path, { type: 'file', content: readFileSync(join(from, path), 'latin1'), ...common })
  }
}

describeMounts('changes: a view is what the kernel shows', (directory) => {
  for (const form of ['overlay', 'overlay-user'] as const) {
    for (const whiteouts of ['devices', 'files'] as const) {
      // Opaque "x"; attributes of users on tmpfs.
      const since = whiteouts === 'files' ? '6.8' : form === 'overlay-user' ? '6.6' : '4.0'
      itSince(since, `${rounds} random stacks, ${form}, whiteouts that are ${whiteouts}`, async () => {
        for (let seed = 1; seed <= rounds; seed++) {
          const random = seeded(seed)
          const home = join(directory(), String(seed))
          const target = join(home, 'mnt')
          mkdirSync(target, { recursive: true })
          let serial = 0
          const count = 2 + Math.floor(random() * 4)
          const stack = Array.from({ length: count }, (_, index) => {
            const path = join(home, String(index))
            mkdirSync(path)
            writeLayer(
              path,
              randomLayer(random, () => serial++),
              form,
              whiteouts,
            )
            return path
          })
          mountOverlay(stack, target, form === 'overlay-user')
          const copy = join(home, 'copy')
          mkdirSync(copy)
          copyFound(target, copy)
          for (const [layers, parents] of [
            [stack, [copy]],
            [[copy], stack],
          ] as const) {
            const found = await changes({ layers, parents, form, judge: 'exact' })
            assert.deepEqual(found.map(shown), [], `seed ${seed}`)
          }
          umount2Sync(target, 0)
        }
      })
    }
  }
})
