import assert from 'node:assert/strict'
import fc from 'fast-check'

import * as sys from 'graphdriver/sys'
import { flagWords, joinData, optionWords, pageFit, parseOptions, splitOptions } from 'graphdriver/mount'

const { MS_BIND, MS_NOATIME, MS_NOSUID, MS_RDONLY, MS_REC, MS_RELATIME, MS_REMOUNT, MS_STRICTATIME } = sys
const nothing = { set: 0n, clear: 0n }

describe('options as words', () => {
  describe('parseOptions', () => {
    it('knows every flag', () => {
      const table: Readonly<Record<string, number>> = {
        ro: sys.MS_RDONLY,
        nosuid: sys.MS_NOSUID,
        nodev: sys.MS_NODEV,
        noexec: sys.MS_NOEXEC,
        sync: sys.MS_SYNCHRONOUS,
        dirsync: sys.MS_DIRSYNC,
        remount: sys.MS_REMOUNT,
        mand: sys.MS_MANDLOCK,
        bind: sys.MS_BIND,
        rbind: sys.MS_BIND | sys.MS_REC,
        move: sys.MS_MOVE,
        noatime: sys.MS_NOATIME,
        relatime: sys.MS_RELATIME,
        strictatime: sys.MS_STRICTATIME,
        nodiratime: sys.MS_NODIRATIME,
        lazytime: sys.MS_LAZYTIME,
        silent: sys.MS_SILENT,
        nosymfollow: sys.MS_NOSYMFOLLOW,
        iversion: sys.MS_I_VERSION,
        posixacl: sys.MS_POSIXACL,
      }
      for (const [word, flags] of Object.entries(table)) {
        const { flags: got, data, propagation } = parseOptions([word])
        assert.deepEqual({ got, data, propagation }, { got: flags, data: [], propagation: [] }, word)
      }
    })
    it('clears by the opposite word, and the later one wins', () => {
      assert.equal(parseOptions('ro,nosuid,rw').flags, MS_NOSUID)
      assert.equal(parseOptions('rw,ro').flags, MS_RDONLY)
      assert.equal(parseOptions('ro,nosuid,nodev,noexec,sync,defaults').flags, 0)
      assert.equal(parseOptions('mand,lazytime,silent,nomand,nolazytime,loud').flags, 0)
    })
    it('knows what the words for users stand for', () => {
      const { flags, data } = parseOptions('user')
      assert.deepEqual([flags, data], [parseOptions('noexec,nosuid,nodev').flags, []])
      assert.equal(parseOptions('exec,users').flags, flags)
      assert.equal(parseOptions('user,exec').flags, parseOptions('nosuid,nodev').flags)
      for (const word of ['owner', 'group']) {
        assert.equal(parseOptions(word).flags, parseOptions('nosuid,nodev').flags)
      }
      assert.equal(parseOptions('nouser,noowner,nogroup').flags, 0)
    })
    it('keeps only one kind of access time', () => {
      assert.equal(parseOptions('noatime,relatime').flags, MS_RELATIME)
      assert.equal(parseOptions('relatime,strictatime').flags, MS_STRICTATIME)
      assert.equal(parseOptions('strictatime,noatime').flags, MS_NOATIME)
      assert.equal(parseOptions('noatime,atime').flags, 0)
    })
    it('tells mount_setattr what the words name, and no more', () => {
      assert.deepEqual(parseOptions([]).attributes, nothing)
      assert.deepEqual(parseOptions('ro,suid,bind').attributes, { set: 1n, clear: 2n })
      assert.deepEqual(parseOptions('ro,rw').attributes, { set: 0n, clear: 1n })
      assert.deepEqual(parseOptions('rw,ro').attributes, { set: 1n, clear: 0n })
      assert.deepEqual(parseOptions('noatime').attributes, { set: 0x10n, clear: 0x70n })
      assert.deepEqual(parseOptions('strictatime,nosymfollow').attributes, { set: 0x200020n, clear: 0x70n })
      assert.deepEqual(parseOptions('relatime').attributes, { set: 0n, clear: 0x70n })
    })
    it('sorts the recursive words', () => {
      const parsed = parseOptions('rbind,rro,rnosuid,rdev')
      assert.equal(parsed.flags, MS_BIND | MS_REC)
      assert.deepEqual(parsed.recursive, { set: 3n, clear: 4n })
      assert.deepEqual(parsed.attributes, nothing)
      assert.deepEqual(parseOptions('relatime,rw,ro,remount').recursive, nothing)
    })
    it('keeps propagation in order, a call each', () => {
      assert.deepEqual(parseOptions('slave,rshared,private,runbindable').propagation, [
        sys.MS_SLAVE,
        sys.MS_SHARED | MS_REC,
        sys.MS_PRIVATE,
        sys.MS_UNBINDABLE | MS_REC,
      ])
      assert.deepEqual(parseOptions('rslave,shared,rprivate,unbindable').propagation, [
        sys.MS_SLAVE | MS_REC,
        sys.MS_SHARED,
        sys.MS_PRIVATE | MS_REC,
        sys.MS_UNBINDABLE,
      ])
    })
    it('gives the rest to the filesystem, in order, and leaves out what is for programs', () => {
      const { data } = parseOptions(
        'size=1m,noauto,x-systemd.automount,nofail,comment=why,mode=0700,_netdev,X-mount.mkdir',
      )
      assert.deepEqual(data, ['size=1m', 'mode=0700'])
    })
    it('refuses words that would become other options', () => {
      for (const bad of ['a,b', 'x=1,ro', '', 'a\0', 'x="a,b', '\\\\,ro']) {
        assert.throws(() => parseOptions([bad]), { code: 'ERR_INVALID_ARG_VALUE' }, bad)
      }
      assert.throws(() => parseOptions([5] as never), { code: 'ERR_INVALID_ARG_TYPE' })
      assert.throws(() => parseOptions(5 as never), { code: 'ERR_INVALID_ARG_TYPE' })
      assert.deepEqual(parseOptions(['lowerdir=/a\\,b', 'context="a,b"']).data, [
        'lowerdir=/a\\,b',
        'context="a,b"',
      ])
    })
  })

  describe('flagWords', () => {
    it('is the inverse of parseOptions', () => {
      const flags = [
        ...['ro', 'nosuid', 'nodev', 'noexec', 'sync', 'dirsync', 'remount', 'mand', 'bind', 'rbind', 'move'],
        ...['nodiratime', 'lazytime', 'silent', 'nosymfollow', 'iversion', 'posixacl', 'noatime'],
      ]
      const rest = ['size=5', 'context="a,b"', 'lowerdir=/a\\,b\\:c']
      const spreads = ['shared', 'rslave', 'private', 'runbindable']
      fc.assert(
        fc.property(fc.shuffledSubarray([...flags, ...rest, ...spreads]), (words) => {
          const parsed = parseOptions(words)
          const again = parseOptions(optionWords(parsed))
          assert.deepEqual(
            [again.flags, again.data, again.propagation],
            [parsed.flags, parsed.data, parsed.propagation],
          )
        }),
      )
    })
    it('names what mount(8) names', () => {
      assert.deepEqual(flagWords(MS_BIND | MS_REC | MS_RDONLY), ['rbind', 'ro'])
      assert.deepEqual(flagWords(MS_REMOUNT | MS_BIND | MS_NOSUID), ['remount', 'bind', 'nosuid'])
      assert.deepEqual(flagWords(sys.MS_SLAVE | MS_REC), ['rslave'])
      assert.deepEqual(flagWords(0), [])
    })
    it('refuses a flag that has no word', () => {
      assert.throws(() => flagWords(2 ** 29), { code: 'ERR_INVALID_ARG_VALUE' })
      assert.throws(() => flagWords(MS_REC), { code: 'ERR_INVALID_ARG_VALUE' })
    })
  })

  describe('splitOptions and joinData', () => {
    it('split at bare commas only', () => {
      assert.deepEqual(splitOptions('a,b=c,,d'), ['a', 'b=c', 'd'])
      assert.deepEqual(splitOptions('lowerdir=/a\\,b,ro'), ['lowerdir=/a\\,b', 'ro'])
      assert.deepEqual(splitOptions('context="s0:c1,c2",ro'), ['context="s0:c1,c2"', 'ro'])
      assert.deepEqual(splitOptions('a\\\\,b'), ['a\\\\', 'b'])
      assert.deepEqual(splitOptions(''), [])
      assert.throws(() => splitOptions('a="b,c'), { code: 'ERR_INVALID_ARG_VALUE' })
    })
    it('are inverses of each other', () => {
      const word = fc
        .string({ minLength: 1 })
        .map((text) => text.replace(/[\\",]/g, '\\$&'))
        .filter((text) => !text.includes('\0'))
      fc.assert(
        fc.property(fc.array(word), (words) => {
          assert.deepEqual(splitOptions(joinData(words)), words)
        }),
      )
    })
    it('join nothing that would come apart', () => {
      assert.equal(joinData(['a', 'b=c']), 'a,b=c')
      assert.equal(joinData([]), '')
      assert.throws(() => joinData(['a,b']), { code: 'ERR_INVALID_ARG_VALUE' })
    })
  })

  describe('pageFit', () => {
    it('leaves one byte for the NUL, and counts bytes', () => {
      assert.equal(pageFit('x'.repeat(4095), 4096), true)
      assert.equal(pageFit('x'.repeat(4096), 4096), false)
      assert.equal(pageFit('é'.repeat(2047), 4096), true)
      assert.equal(pageFit('é'.repeat(2048), 4096), false)
      assert.equal(pageFit(new Uint8Array(4096), 4096), false)
    })
  })
})
