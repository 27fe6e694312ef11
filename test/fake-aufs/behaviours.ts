import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { findMount } from 'graphdriver/mount'
import {
  aufsBranches,
  aufsUnions,
  AUFS_SUPER_MAGIC,
  closeSync,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  mountSync,
  MS_RDONLY,
  MS_REMOUNT,
  newMount,
  reconfigure,
  statfs,
  umount2Sync,
} from 'graphdriver/sys'
import { branchBehaviours } from './branch-behaviours.ts'
import { optionBehaviours } from './option-behaviours.ts'
import type { Place } from './refusals.ts'

/** Something that aufs does and its double does likewise: the same body runs on both. */
export interface Behaviour {
  readonly title: string
  readonly run: (place: Place) => Promise<void> | void
}

/** Mounts at the place's empty directory. */
function mount({ at }: Place, data: string, flags = 0): void {
  mountSync('none', at('union'), 'aufs', flags, data)
}

function remount(place: Place, data: string): void {
  mount(place, data, MS_REMOUNT)
}

/** The branches of what is mounted there, each by the last part of its name. */
async function shown({ at }: Place): Promise<string[]> {
  const branches = await aufsBranches(at('union'))
  return branches.map(({ path, permission }) => `${basename(path)}=${permission}`)
}

/** `br:` of the place's branches, the first of them writable. */
function list({ paths }: Place): string {
  return `br:${paths.map((path, index) => `${path}=${index === 0 ? 'rw' : 'ro+wh'}`).join(':')}`
}

const WHOLE = ['rw=rw', 'ro1=ro+wh', 'ro2=ro+wh']

async function words({ at }: Place): Promise<string[]> {
  return ((await findMount(at('union')))?.superOptions ?? '').split(',')
}

/** More directories to be branches. */
function more({ at }: Place, count: number): string[] {
  const paths = Array.from({ length: count }, (_, index) => at(`more${String(index)}`))
  for (const path of paths) mkdirSync(path)
  return paths
}

/** Mounts a place's branches and appends others, in calls that are not too large. */
function mountAll(place: Place, others: readonly string[]): void {
  mount(place, `${list(place)},noxino`)
  const left = others.map((path) => `append:${path}=ro+wh`)
  while (left.length > 0) remount(place, left.splice(0, 40).join(','))
}

const parsing: readonly Behaviour[] = [
  {
    title: 'options stand in any order',
    run: async (place) => {
      mount(place, `xino=${place.xino},dio,${list(place)},dirperm1`)
      assert.deepEqual(await shown(place), WHOLE)
    },
  },
  {
    title: 'empty words are skipped',
    run: async (place) => {
      mount(place, `,,${list(place)},,noxino,,`)
      assert.deepEqual(await shown(place), WHOLE)
    },
  },
  {
    title: 'a list of branches ends at an empty piece, and what is behind it is lost',
    run: async (place) => {
      const [rw, ro1, ro2] = place.paths
      mount(place, `br:${rw!}=rw:${ro1!}=ro+wh::${ro2!}=ro+wh,noxino`)
      assert.deepEqual(await shown(place), WHOLE.slice(0, 2))
    },
  },
  {
    title: 'a path ends at its first =',
    run: async (place) => {
      mkdirSync(place.at('ro1=x'))
      mount(place, `br:${place.at('rw')}=rw:${place.at('ro1=x')}=ro+wh,noxino`)
      assert.deepEqual(await shown(place), ['rw=rw', 'ro1=ro'])
    },
  },
  {
    title: 'a permission that is not known counts as ro',
    run: async (place) => {
      mount(place, `br:${place.at('rw')}=rw:${place.at('ro1')}=nonsense,noxino`)
      assert.deepEqual(await shown(place), ['rw=rw', 'ro1=ro'])
    },
  },
  {
    title: 'without a permission the first branch is writable, and no other',
    run: async (place) => {
      mount(place, `br:${place.paths.join(':')},noxino`)
      assert.deepEqual(await shown(place), ['rw=rw', 'ro1=ro', 'ro2=ro'])
    },
  },
  {
    title: 'no branch at all is refused',
    run: (place) => {
      assert.throws(() => mount(place, 'noxino'), { code: 'EINVAL' })
    },
  },
  {
    title: 'names with blanks and backslashes come back as they are',
    run: async (place) => {
      const strange = place.at('a b\\c\x7f\u00e9')
      mkdirSync(strange)
      mount(place, `br:${place.at('rw')}=rw:${strange}=ro+wh,noxino`)
      assert.equal((await aufsBranches(place.at('union')))[1]!.path, strange)
    },
  },
]

const remounting: readonly Behaviour[] = [
  {
    title: 'a remount takes a branch that is there for success, and changes nothing',
    run: async (place) => {
      mount(place, `${list(place)},noxino`)
      remount(place, `append:${place.at('ro1')}=ro`)
      remount(place, `append:${place.at('rw')}=ro+wh,append:${place.at('ro2')}=ro+wh`)
      assert.deepEqual(await shown(place), WHOLE)
    },
  },
  {
    title: 'a remount that fails keeps what it did before',
    run: async (place) => {
      const [other] = more(place, 1)
      mkdirSync(place.at('ro1', 'inner'))
      mount(place, `${list(place)},noxino`)
      const data = `append:${other!}=ro+wh,append:${place.at('ro1', 'inner')}=ro+wh`
      assert.throws(() => remount(place, data), { code: 'EINVAL' })
      assert.deepEqual(await shown(place), [...WHOLE, 'more0=ro+wh'])
    },
  },
  {
    title: 'a remount looks every branch up before it adds the first',
    run: async (place) => {
      const [other] = more(place, 1)
      mount(place, `${list(place)},noxino`)
      const data = `append:${other!}=ro+wh,append:${place.at('missing')}=ro+wh`
      assert.throws(() => remount(place, data), { code: 'EINVAL' })
      assert.deepEqual(await shown(place), WHOLE)
    },
  },
  {
    title: 'what is not mounted cannot be remounted',
    run: (place) => {
      assert.throws(() => remount(place, `append:${place.at('ro1')}=ro+wh`), { code: 'EINVAL' })
    },
  },
  {
    title: 'a branch in the union is refused',
    run: async (place) => {
      mkdirSync(place.at('rw', 'inner'))
      mount(place, `br:${place.at('rw')}=rw:${place.at('ro1')}=ro+wh,noxino`)
      // The real one shows the directory there, its double does not.
      if (!existsSync(place.at('union', 'inner'))) mkdirSync(place.at('union', 'inner'))
      const data = `append:${place.at('union', 'inner')}=ro+wh`
      assert.throws(() => remount(place, data), { code: 'EINVAL' })
      assert.deepEqual(await shown(place), WHOLE.slice(0, 2))
    },
  },
]

const limits: readonly Behaviour[] = [
  {
    title: '84 options are taken in one call',
    run: async (place) => {
      // 83 branches and the table, each a setting of its own: the data of mount(2) may not have room for them. With one
      // more a real kernel would crash.
      const branches = [...place.paths, ...more(place, 80)]
      const settings = branches.map((path, index) => ({
        key: 'append',
        value: `${path}=${index === 0 ? 'rw' : 'ro+wh'}`,
      }))
      const fd = await newMount({ type: 'aufs', settings: [...settings, { key: 'noxino' }] })
      try {
        assert.equal((await aufsBranches({ dirfd: fd, path: '.' })).length, 83)
      } finally {
        closeSync(fd)
      }
    },
  },
  {
    title: 'one branch more than it was built for is refused, and the others stay',
    run: async (place) => {
      mountAll(place, more(place, 124))
      const last = place.at('last')
      mkdirSync(last)
      assert.throws(() => remount(place, `append:${last}=ro+wh`), { code: 'ENOSPC' })
      assert.equal((await shown(place)).length, 127)
    },
  },
]

const tables: readonly Behaviour[] = [
  {
    title: 'mounts may name the same table one after the other, and none is left',
    run: async (place) => {
      for (let round = 0; round < 3; round++) {
        mount(place, `${list(place)},xino=${place.xino}`)
        assert.deepEqual(readdirSync(place.at('xino')), [])
      }
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(await shown(place), WHOLE)
        umount2Sync(place.at('union'))
      }
    },
  },
  {
    title: 'a table that was there is not taken away',
    run: (place) => {
      writeFileSync(place.xino, 'kept')
      assert.throws(() => mount(place, `${list(place)},xino=${place.xino}`), { code: 'EEXIST' })
      assert.deepEqual(readdirSync(place.at('xino')), ['table'])
    },
  },
  {
    title: 'a branch that is appended makes the table anew by its name',
    run: async (place) => {
      const [other] = more(place, 1)
      mount(place, `${list(place)},xino=${place.xino}`)
      writeFileSync(place.xino, '')
      assert.throws(() => remount(place, `append:${other!}=ro+wh`), { code: 'EINVAL' })
      assert.deepEqual((await shown(place)).slice(0, 3), WHOLE)
    },
  },
  {
    title: 'without a word about it the table is in the writable branch, and is not left',
    run: async (place) => {
      mount(place, list(place))
      assert.deepEqual(await shown(place), WHOLE)
      assert.equal(existsSync(place.at('rw', '.aufs.xino')), false)
    },
  },
]

const mounts: readonly Behaviour[] = [
  {
    title: 'the same writable branch can be in two unions: nothing keeps them apart',
    run: async (place) => {
      mount(place, `${list(place)},noxino`)
      mkdirSync(place.at('again'))
      mountSync('none', place.at('again'), 'aufs', 0, `br:${place.at('rw')}=rw,noxino`)
      assert.equal((await aufsUnions()).length, 2)
      umount2Sync(place.at('again'))
    },
  },
  {
    title: 'the first writable branch keeps files of aufs, and no other branch does',
    run: (place) => {
      mount(place, `${list(place)},noxino`)
      const own = ['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk']
      assert.deepEqual(readdirSync(place.at('rw')).sort(), own)
      umount2Sync(place.at('union'))
      assert.deepEqual(readdirSync(place.at('rw')).sort(), own)
      assert.deepEqual([...readdirSync(place.at('ro1')), ...readdirSync(place.at('ro2'))], [])
    },
  },
  {
    title: 'the mount table names the union as sysfs does, and shows its words but not its branches',
    run: async (place) => {
      mount(place, `${list(place)},dio,dirperm1,noxino`)
      const found = await words(place)
      assert.deepEqual(
        (await aufsUnions()).map((name) => `si=${name.slice(3)}`),
        found.filter((word) => word.startsWith('si=')),
      )
      for (const word of ['rw', 'dio', 'dirperm1', 'noxino']) assert.ok(found.includes(word), found.join())
      assert.equal(found.join().includes(place.at('ro1')), false)
      umount2Sync(place.at('union'))
      assert.deepEqual(await aufsUnions(), [])
    },
  },
  {
    title: 'a union is of a type of its own, and takes shorter names than its branches',
    run: async (place) => {
      mount(place, `${list(place)},noxino`)
      const { type, namelen } = await statfs(place.at('union'))
      assert.deepEqual([type, namelen], [AUFS_SUPER_MAGIC, 242])
    },
  },
  {
    title: 'a union without a writable branch is mounted read-only',
    run: async (place) => {
      mount(place, `br:${place.at('ro1')}=ro+wh:${place.at('ro2')}=ro+wh,noxino`, MS_RDONLY)
      assert.ok((await words(place)).includes('ro'))
      assert.deepEqual(readdirSync(place.at('ro1')), [])
    },
  },
]

const newer: readonly Behaviour[] = [
  {
    title: 'the newer interface names a word that aufs does not know',
    run: async () => {
      await assert.rejects(newMount({ type: 'aufs', settings: [{ key: 'bogus' }] }), {
        code: 'EINVAL',
        detail: /bogus/,
      })
    },
  },
  {
    title: 'the newer interface refuses a branch that is missing when it is set',
    run: async ({ at }) => {
      const settings = [{ key: 'append', value: `${at('missing')}=rw` }]
      await assert.rejects(newMount({ type: 'aufs', settings }), { code: 'EINVAL' })
    },
  },
  {
    title: 'the newer interface takes values of 255 bytes, and not of 256',
    run: async ({ at }) => {
      const settings = (bytes: number): { key: string; value: string }[] => {
        const path = at('n'.repeat(bytes - '=rw'.length - at('').length - (at('').endsWith('/') ? 0 : 1)))
        mkdirSync(path)
        return [{ key: 'append', value: `${path}=rw` }]
      }
      closeSync(await newMount({ type: 'aufs', settings: [...settings(255), { key: 'noxino' }] }))
      await assert.rejects(newMount({ type: 'aufs', settings: settings(256) }), { code: 'EINVAL' })
    },
  },
  {
    title: 'a union that is attached nowhere takes more branches',
    run: async ({ at }) => {
      const first = [{ key: 'append', value: `${at('rw')}=rw` }, { key: 'noxino' }]
      const fd = await newMount({ type: 'aufs', settings: first })
      try {
        const second = [{ key: 'append', value: `${at('ro1')}=ro+wh` }]
        await reconfigure(fd, '', FSPICK_CLOEXEC | FSPICK_EMPTY_PATH, second)
        const branches = await aufsBranches({ dirfd: fd, path: '.' })
        assert.deepEqual(
          branches.map(({ path, permission }) => `${path}=${permission}`),
          [`${at('rw')}=rw`, `${at('ro1')}=ro+wh`],
        )
        assert.equal((await aufsUnions()).length, 1)
      } finally {
        closeSync(fd)
      }
      assert.deepEqual(await aufsUnions(), [])
    },
  },
]

export const behaviours: readonly Behaviour[] = [
  ...parsing,
  ...remounting,
  ...limits,
  ...tables,
  ...mounts,
  ...newer,
  ...branchBehaviours,
  ...optionBehaviours,
]
