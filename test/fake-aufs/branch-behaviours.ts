import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { aufsBranches, mountSync, MS_REMOUNT } from 'graphdriver/sys'
import type { Behaviour } from './behaviours.ts'
import type { Place } from './refusals.ts'

const WHOLE = ['rw=rw', 'ro1=ro+wh', 'ro2=ro+wh']
const HOUSE = ['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk']

function mount({ at, paths: [rw, ...ro] }: Place, words = ''): void {
  const branches = `br:${rw!}=rw:${ro.map((path) => `${path}=ro+wh`).join(':')}`
  mountSync('none', at('union'), 'aufs', 0, `${branches},noxino${words}`)
}

function remount({ at }: Place, data: string): void {
  mountSync('none', at('union'), 'aufs', MS_REMOUNT, data)
}

async function shown({ at }: Place): Promise<string[]> {
  const branches = await aufsBranches(at('union'))
  return branches.map(({ path, permission }) => `${basename(path)}=${permission}`)
}

/** The name of a branch's file in the union. The double shows nothing there, so that it has a file of its own. */
function inUnion({ at }: Place, name: string): string {
  const path = at('union', name)
  mkdirSync(dirname(path), { recursive: true })
  if (!existsSync(path)) writeFileSync(path, '')
  return path
}

const removing: readonly Behaviour[] = [
  {
    title: 'del: takes a branch away, at a remount and at the first mount',
    run: async (place) => {
      mount(place, `,del:${place.at('ro2')}`)
      assert.deepEqual(await shown(place), WHOLE.slice(0, 2))
      remount(place, `del=${place.at('ro1')}`)
      assert.deepEqual(await shown(place), WHOLE.slice(0, 1))
    },
  },
  {
    title: 'del: of a path that cannot be looked up says why',
    run: async (place) => {
      writeFileSync(place.at('file'), '')
      mount(place)
      assert.throws(() => remount(place, `del:${place.at('missing')}`), { code: 'ENOENT' })
      assert.throws(() => remount(place, `del:${place.at('file')}`), { code: 'ENOTDIR' })
      assert.deepEqual(await shown(place), WHOLE)
    },
  },
  {
    title: 'del: of what is no branch is success at a remount, and refused at the first mount',
    run: async (place) => {
      mkdirSync(place.at('other'))
      assert.throws(() => mount(place, `,del:${place.at('other')}`), { code: 'EINVAL' })
      mount(place)
      remount(place, `del:${place.at('other')}`)
      assert.deepEqual(await shown(place), WHOLE)
    },
  },
  {
    title: 'del: of the last branch is refused',
    run: async (place) => {
      place.paths.length = 1
      mountSync('none', place.at('union'), 'aufs', 0, `br:${place.at('rw')}=rw,noxino`)
      assert.throws(() => remount(place, `del:${place.at('rw')}`), { code: 'EBUSY' })
      assert.deepEqual(await shown(place), WHOLE.slice(0, 1))
    },
  },
  {
    title: 'del: of a branch with an open file is refused until it is closed',
    run: async (place) => {
      writeFileSync(place.at('ro2', 'file'), '')
      mount(place)
      const fd = openSync(inUnion(place, 'file'), 'r')
      try {
        assert.throws(() => remount(place, `del:${place.at('ro2')}`), { code: 'EBUSY' })
        remount(place, `del:${place.at('ro1')}`)
      } finally {
        closeSync(fd)
      }
      remount(place, `del:${place.at('ro2')}`)
      assert.deepEqual(await shown(place), WHOLE.slice(0, 1))
    },
  },
]

const modifying: readonly Behaviour[] = [
  {
    title: "mod: changes a branch's permission; aufs's own files come and go with the right to write",
    run: async (place) => {
      mount(place)
      remount(place, `mod:${place.at('ro1')}=rw,mod=${place.at('rw')}=ro`)
      assert.deepEqual(await shown(place), ['rw=ro', 'ro1=rw', 'ro2=ro+wh'])
      assert.deepEqual(readdirSync(place.at('ro1')).sort(), HOUSE)
      assert.deepEqual(readdirSync(place.at('rw')), [])
    },
  },
  {
    title: 'mod: without a permission, or of a path that cannot be looked up, is refused',
    run: async (place) => {
      writeFileSync(place.at('file'), '')
      mount(place)
      assert.throws(() => remount(place, `mod:${place.at('ro1')}`), { code: 'EINVAL' })
      assert.throws(() => remount(place, `mod:${place.at('missing')}=ro`), { code: 'ENOENT' })
      assert.throws(() => remount(place, `mod:${place.at('file')}=ro`), { code: 'ENOTDIR' })
      assert.deepEqual(await shown(place), WHOLE)
    },
  },
  {
    title: 'mod: of what is no branch is success at a remount, and refused at the first mount',
    run: async (place) => {
      mkdirSync(place.at('other'))
      assert.throws(() => mount(place, `,mod:${place.at('other')}=ro`), { code: 'EINVAL' })
      mount(place)
      remount(place, `mod:${place.at('other')}=rw`)
      assert.deepEqual(await shown(place), WHOLE)
      assert.deepEqual(readdirSync(place.at('other')), [])
    },
  },
  {
    title: 'mod: to ro of a branch whose file is mapped is refused until it is not',
    run: async (place) => {
      copyFileSync('/bin/sleep', place.at('rw', 'sleep'))
      chmodSync(place.at('rw', 'sleep'), 0o755)
      mount(place)
      const program = place.at('union', 'sleep')
      if (!existsSync(program)) copyFileSync('/bin/sleep', program)
      const child = spawn(program, ['600'])
      await once(child, 'spawn')
      const gone = once(child, 'exit')
      try {
        assert.throws(() => remount(place, `mod:${place.at('rw')}=ro`), { code: 'EBUSY' })
        assert.deepEqual(await shown(place), WHOLE)
      } finally {
        child.kill()
        await gone
      }
      remount(place, `mod:${place.at('rw')}=ro`)
      assert.deepEqual(await shown(place), ['rw=ro', ...WHOLE.slice(1)])
    },
  },
]

const images: readonly Behaviour[] = [
  {
    title: 'a branch may be on a loop device',
    run: async (place) => {
      mkdirSync(place.at('looped'))
      place.mountImage(place.at('image'), place.at('looped'))
      place.paths.push(place.at('looped'))
      mount(place)
      assert.deepEqual(await shown(place), [...WHOLE, 'looped=ro+wh'])
    },
  },
  {
    title: 'a branch on a loop device whose image lies in the union is refused, and in a branch is not',
    run: async (place) => {
      for (const name of ['inner', 'outer']) mkdirSync(place.at(name))
      mount(place)
      place.mountImage(place.at('union', 'image'), place.at('inner'))
      place.mountImage(place.at('ro1', 'image'), place.at('outer'))
      try {
        assert.throws(() => remount(place, `append:${place.at('inner')}=ro`), { code: 'EINVAL' })
        remount(place, `append:${place.at('outer')}=ro`)
        assert.deepEqual(await shown(place), [...WHOLE, 'outer=ro'])
      } finally {
        // Taken, it would keep the union, and the union would keep it, for ever.
        remount(place, `del:${place.at('inner')}`)
      }
    },
  },
]

const others: readonly Behaviour[] = [
  {
    title: 'prepend: puts a branch above the others',
    run: async (place) => {
      mkdirSync(place.at('first'))
      mount(place)
      remount(place, `prepend:${place.at('first')}=rw`)
      assert.deepEqual(await shown(place), ['first=rw', ...WHOLE])
    },
  },
  {
    title: 'a table in the union itself is refused',
    run: (place) => {
      mount(place)
      assert.throws(() => remount(place, `xino=${place.at('union', 'table')}`), { code: 'EINVAL' })
      rmSync(place.at('union', 'table'), { force: true })
    },
  },
]

/** What aufs does when branches come, go and change, the double likewise. */
export const branchBehaviours: readonly Behaviour[] = [...removing, ...modifying, ...images, ...others]
