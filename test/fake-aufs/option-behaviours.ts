import assert from 'node:assert/strict'
import { closeSync, mkdirSync, openSync, rmdirSync } from 'node:fs'
import { findMount } from 'graphdriver/mount'
import { aufsBranches, mountSync, MS_REMOUNT, umount2Sync } from 'graphdriver/sys'
import type { Behaviour } from './behaviours.ts'
import type { Place } from './refusals.ts'

function mount({ at, paths: [rw, ...ro] }: Place, words: string, flags = 0): void {
  const branches = `br:${rw!}=rw:${ro.map((path) => `${path}=ro+wh`).join(':')}`
  mountSync('none', at('union'), 'aufs', flags, `${branches},xino=${at('xino', 'table')}${words}`)
}

async function shown({ at }: Place): Promise<string[]> {
  const words = ((await findMount(at('union')))?.superOptions ?? '').split(',')
  return words.filter((word) => !/^(rw|ro|si=.*|seclabel)$/.test(word))
}

/** What a word becomes in the mount table: nothing where it is what there is without it. */
const WORDS: readonly [word: string, shown: string | undefined][] = [
  ...['dio', 'dirperm1', 'trunc_xino', 'shwh', 'sum', 'verbose', 'noplink', 'nowarn_perm', 'udba=none'].map(
    (word): [string, string] => [word, word],
  ),
  ...['nodio', 'nodirperm1', 'notrunc_xino', 'noshwh', 'nosum', 'noverbose', 'plink', 'warn_perm'].map(
    (word): [string, undefined] => [word, undefined],
  ),
  ...['wsum', 'trunc_xib', 'notrunc_xib', 'noacl', 'udba=reval'].map((word): [string, undefined] => [
    word,
    undefined,
  ]),
  ...['dirwh=3', 'create=tdp', 'cpup=tdp', 'rdcache=10', 'rdblk=512', 'rdhash=32', 'diropq=whiteouted'].map(
    (word): [string, undefined] => [word, undefined],
  ),
  ...['create=rr', 'create=mfs', 'create=pmfs', 'create=mfs:10', 'create=pmfs:3600', 'create=mfsrr:100'].map(
    (word): [string, string] => [word, word],
  ),
  ...['create=pmfsrr:1:2', 'create=tdmfs:100:5', 'cpup=bup', 'cpup=bu', 'dirwh=0', 'rdcache=0'].map(
    (word): [string, string] => [word, word],
  ),
  ...['rdcache=3600', 'rdblk=0', 'rdblk=255', 'rdhash=0', 'rdhash=64'].map((word): [string, string] => [
    word,
    word,
  ]),
  ['udba=notify', 'udba=notify'],
  ['udba=fsnotify', 'udba=notify'],
  ['diropq=always', 'diropq=a'],
  ['diropq=a', 'diropq=a'],
]

const REFUSED = [
  ...['bogus', 'bogus=1', 'dirwh=x', 'dirwh=', 'udba=sometimes', 'udba=', 'create=best', 'create=mfs:3601'],
  ...['create=tdmfs', 'cpup=up', 'diropq=x', 'rdcache=3601', 'rdcache=x', 'rdblk=7', 'rdblk=x', 'rdhash=-1'],
]

/** What aufs makes of its options, the double likewise. */
export const optionBehaviours: readonly Behaviour[] = [
  ...WORDS.map(([word, wanted]): Behaviour => ({
    title: `${word} is taken, and shown as ${wanted ?? 'nothing'}`,
    run: async (place) => {
      mount(place, `,${word}`)
      assert.deepEqual(await shown(place), wanted === undefined ? [] : [wanted])
    },
  })),
  ...REFUSED.map((word): Behaviour => ({
    title: `${word} is refused`,
    run: (place) => {
      assert.throws(() => mount(place, `,${word}`), { code: 'EINVAL' })
    },
  })),
  {
    title: 'add: puts a branch where it says, and answers EDOM beyond the last',
    run: async (place) => {
      mkdirSync(place.at('more'))
      mount(place, '')
      const remount = (data: string): void => {
        mountSync('none', place.at('union'), 'aufs', MS_REMOUNT, data)
      }
      assert.throws(() => remount(`add:9:${place.at('more')}=ro`), { code: 'EDOM' })
      remount(`add:1:${place.at('more')}=ro+wh`)
      const found = await aufsBranches(place.at('union'))
      assert.deepEqual(
        found.map(({ path }) => path),
        [place.at('rw'), place.at('more'), place.at('ro1'), place.at('ro2')],
      )
    },
  },
  {
    title: 'a branch that was deleted is refused, though somebody has it open',
    run: (place) => {
      const fd = openSync(place.at('ro2'), 'r')
      rmdirSync(place.at('ro2'))
      place.paths[2] = `/proc/self/fd/${String(fd)}`
      assert.throws(() => mount(place, ''), { code: 'EINVAL' })
      closeSync(fd)
    },
  },
  {
    title: 'a directory in a union cannot be remounted',
    run: (place) => {
      mkdirSync(place.at('ro1', 'inner'))
      mount(place, '')
      mkdirSync(place.at('union', 'inner'), { recursive: true })
      mkdirSync(place.at('more'))
      const remount = (): void => {
        mountSync('none', place.at('union', 'inner'), 'aufs', MS_REMOUNT, `append:${place.at('more')}=ro`)
      }
      assert.throws(remount, { code: 'EINVAL' })
    },
  },
  {
    title: 'a table in the place of another is taken by a remount',
    run: (place) => {
      mount(place, '')
      mountSync('none', place.at('union'), 'aufs', MS_REMOUNT, `xino=${place.at('xino', 'other')}`)
      umount2Sync(place.at('union'))
    },
  },
]
