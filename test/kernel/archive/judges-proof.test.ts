import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import {
  appendFileSync,
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  mknodatSync,
  setxattrSync,
  statxSync,
  utimensatSync,
} from 'graphdriver/sys'
import { describeAsRoot } from '../namespace.ts'
import { toBuffer } from './judges/bytes.ts'
import { compareTrees, factsOf } from './judges/facts.ts'
import { panel } from './judges/panel.ts'
import { plant, type Plant } from './judges/plant.ts'
import { richTree } from './judges/rich-tree.ts'
import { expectRun, itJudged, scratch } from './judges/tools.ts'
import { umociUnpack } from './judges/umoci.ts'

/** One wrong thing in a tree: where, what of it is wrong, which judges have to name it, and how it is made. */
type Fault = readonly [path: string, field: string, seenBy: RegExp, make: (path: string) => void]

const LISTERS = /Go|Python/
const MANIFESTS = /Go|Python|bsdtar/
const COMPARERS = /Go|Python|bsdtar|comparing/

const timeOf = (path: string): bigint => statxSync(path, { flags: AT_SYMLINK_NOFOLLOW }).mtimeNs

function setTime(path: string, time: bigint): void {
  utimensatSync(AT_FDCWD, path, null, time, AT_SYMLINK_NOFOLLOW)
}

function shift(path: string, by: bigint): void {
  setTime(path, timeOf(path) + by)
}

/** Changes a file, and gives it and its directory the times that they had. */
function quietly(change: (path: string) => void): (path: string) => void {
  return (path) => {
    const directory = dirname(path)
    const before = [timeOf(directory), lstatSync(path, { throwIfNoEntry: false }) && timeOf(path)] as const
    change(path)
    if (before[1] !== undefined && lstatSync(path, { throwIfNoEntry: false })) setTime(path, before[1])
    setTime(directory, before[0])
  }
}

/** Puts something else in a file's place. */
function instead(make: (path: string) => void): (path: string) => void {
  return quietly((path) => {
    unlinkSync(path)
    make(path)
  })
}

const faults: Fault[] = [
  ['kinds/file', 'sha256', COMPARERS, quietly((path) => writeFileSync(path, 'A file\n'))],
  ['contents/size-512', 'size', COMPARERS, quietly((path) => appendFileSync(path, '.'))],
  ['modes/file-0', 'mode', COMPARERS, (path) => chmodSync(path, 0o200)],
  ['modes/directory-1777', 'mode', COMPARERS, (path) => chmodSync(path, 0o777)],
  ['owners/user-4294967294', 'uid', COMPARERS, (path) => lchownSync(path, 4294967293, 0)],
  ['owners/link-65534', 'gid', MANIFESTS, (path) => lchownSync(path, 65534, 65533)],
  ['times/in-2107', 'mtime', COMPARERS, (path) => shift(path, 1_000_000_000n)],
  ['times/nanoseconds', 'mtime', MANIFESTS, (path) => shift(path, 1n)],
  ['times/before-1970-half.directory', 'mtime', LISTERS, (path) => shift(path, -1n)],
  ['kinds/relative', 'target', COMPARERS, instead((path) => symlinkSync('elif', path))],
  [
    'kinds/largest-char',
    'device',
    COMPARERS,
    instead((path) => {
      mknodatSync(AT_FDCWD, path, 0o020600, 4095, 1048574)
      chmodSync(path, 0o600)
    }),
  ],
  ['links/empty-again', 'linked', /Go|Python|comparing/, instead((path) => writeFileSync(path, ''))],
  [
    'xattrs/every-byte',
    'xattr',
    LISTERS,
    (path) => setxattrSync(path, 'user.bytes', Buffer.alloc(256, 0x80)),
  ],
  [
    'xattrs/symlink',
    'xattr',
    LISTERS,
    (path) => setxattrSync(path, 'trusted.more', Buffer.alloc(0), { nofollow: true }),
  ],
  ['kinds/empty', 'only in the first', COMPARERS, quietly(unlinkSync)],
  ['kinds/more', 'only in the second', MANIFESTS, quietly((path) => writeFileSync(path, ''))],
]

/** The other half of what is wrong: a size changes the hash, and a link that is broken was one of two names. */
const consequences = ['contents/size-512: sha256', 'links/empty: linked']

/**
 * What GNU tar itself packs so that all read it: no names that are no UTF-8, not the longest paths, neither fifos nor devices with two
 * names. Without large files.
 */
function tameTree(): Plant[] {
  return richTree(3000).filter(
    ({ path, target = '', content, size = 0 }) =>
      isUtf8(toBuffer(path + target)) &&
      !/^links\/(fifo|null)/.test(path) &&
      Math.max(size, content?.length ?? 0) <= 1 << 16,
  )
}

/** A judge that finds everything right has judged nothing: each has to accept what is right and to see what is wrong. */
describeAsRoot('the judges of tars', () => {
  const at = scratch('proof', 'suite')
  const judges = panel(() => at('go'))
  const tree = (path = ''): string => at('tree', path)

  before(() => {
    mkdirSync(tree())
    plant(tree(), tameTree())
    // Labels are the machine's: ours never has them.
    const xattrs = ['--xattrs', '--xattrs-include=*', '--xattrs-exclude=security.selinux']
    const words = ['--format=posix', ...xattrs, '--sort=name', '--numeric-owner']
    expectRun('tar', [...words, '-C', tree(), '--exclude=./kinds/socket', '-cf', at('right.tar'), '.'])
  })

  describe('find nothing against a tar that GNU tar made', () => {
    for (const { name, programs, verdict } of judges) {
      itJudged(['tar', ...programs], name, () => assert.deepEqual(verdict(at('right.tar'), tree()), []))
    }
  })

  describe('compareTrees', () => {
    it('finds two trees alike that were made alike', () => {
      mkdirSync(at('again'))
      plant(at('again'), tameTree())
      assert.deepEqual(compareTrees(tree(), at('again')), [])
    })
  })

  describe('umoci', () => {
    itJudged(
      ['tar', 'umoci'],
      'unpacks layers: a whiteout, an opaque directory, a file over a directory',
      () => {
        const file = (path: string): Plant => ({ path, kind: 'file', content: Buffer.from(path) })
        const directory = (path: string): Plant => ({ path, kind: 'directory' })
        const layers: Plant[][] = [
          [
            file('gone'),
            directory('hidden'),
            file('hidden/old'),
            file('kept'),
            directory('z'),
            file('z/old'),
          ],
          [file('.wh.gone'), directory('hidden'), file('hidden/.wh..wh..opq'), file('hidden/new'), file('z')],
        ]
        const tars = layers.map((plants, number) => {
          mkdirSync(at(`layer-${number}`))
          plant(at(`layer-${number}`), plants)
          const tar = at(`layer-${number}.tar`)
          expectRun('tar', ['--format=posix', '-C', at(`layer-${number}`), '-cf', tar, '.'])
          return tar
        })
        mkdirSync(at('image'))
        const found = umociUnpack(at('image'), tars)
        const names = [...factsOf(found).keys()].sort()
        assert.deepEqual(names, ['', 'hidden', 'hidden/new', 'kept', 'z'])
      },
    )
  })

  describe('a tree that differs from its tar', () => {
    const verdicts = new Map<string, string[]>()

    before(() => {
      mkdirSync(at('wrong'))
      plant(at('wrong'), tameTree())
      for (const [path, , , make] of faults) make(join(at('wrong'), path))
    })

    it('compareTrees tells what is wrong, and nothing else', () => {
      const found = compareTrees(tree(), at('wrong'))
        .map((line) => line.split(' ').slice(0, 2).join(' '))
        .sort()
      const wrong = faults.map(([path, field]) => `${path}: ${field.split(' ')[0]!}`)
      assert.deepEqual(found, [...wrong, ...consequences].sort())
    })

    for (const { name, programs, verdict } of judges) {
      for (const [path, field] of faults.filter(([, , seenBy]) => seenBy.test(name))) {
        itJudged(['tar', ...programs], `${name} sees the ${field} of ${path}`, () => {
          if (!verdicts.has(name)) verdicts.set(name, verdict(at('right.tar'), at('wrong')))
          const named = verdicts.get(name)!.filter((line) => line.includes(`${path}:`))
          assert.notDeepEqual(named, [])
        })
      }
    }
  })

  describe('a tar that is damaged', () => {
    const damages: [what: string, change: (tar: Buffer) => Buffer][] = [
      ['in the checksum of a header', (tar) => (tar.fill('7', 148, 152), tar)],
      ['by an end in the middle', (tar) => tar.subarray(0, 512 * 4001 + 100)],
    ]
    for (const [what, change] of damages) {
      for (const { name, programs, verdict } of judges) {
        itJudged(['tar', ...programs], `${what}: ${name} sees it`, () => {
          writeFileSync(at('damaged.tar'), change(readFileSync(at('right.tar'))))
          assert.notDeepEqual(verdict(at('damaged.tar'), tree()), [])
        })
      }
    }
  })
})
