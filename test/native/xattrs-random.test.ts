import assert from 'node:assert/strict'
import { closeSync, openSync, writeFileSync } from 'node:fs'

import { listTarSync, type TarReaderLimits } from '#lib/sys/tarreader.js'
import { LONG, seedOr } from '../figures.ts'
import { isSince } from '../kernel/since.ts'
import { itMounts, native, scratch, seeded } from './support.ts'
import { file, pax, tar } from './tarbytes.ts'

const seed = seedOr(90210)

const limits: TarReaderLimits = {
  entries: 1000,
  bytes: Infinity,
  extendedHeader: 1 << 20,
  paxRecords: 4096,
  xattrs: 128,
  xattrName: 255,
  xattrValue: 65_536,
  path: 4095,
  component: 255,
}

describe('native: extended attributes, random', () => {
  const { make } = scratch()

  function bytes(random: () => number, size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256)))
  }

  /** Whether tmpfs has attributes of users: fs/xattr.c, simple_xattr_add(). */
  const userOnTmpfs = isSince('6.6')

  /** Any bytes that a name can have; what is escaped in a tar more often. */
  function name(random: () => number): Buffer {
    const size = 1 + Math.floor(random() * (random() < 0.1 ? 240 : 20))
    const tail = bytes(random, size).map((byte) => (byte < 24 ? [0x25, 0x3d, 0x33, 0x44, 0x2e, 0x0a][byte % 6]! : byte))
    // What stands for something else in a tar.
    const code = Buffer.from(['', '', '%3D', '%25', '%253D', '='][Math.floor(random() * 6)]!)
    return Buffer.concat([Buffer.from(random() < 0.5 && userOnTmpfs ? 'user.' : 'trusted.'), tail.subarray(0, 230), code])
  }

  const files = LONG ? 100_000 : 600
  itMounts(`of ${String(files)} files come out of the kernel, and of a tar, as they went in`, async function (this: Mocha.Context) {
    this.timeout(60_000 + files * 20)
    const random = seeded(seed)
    const directory = make('files')
    assert.equal(native.mountSync('none', directory, 'tmpfs', 0, 'size=64m'), 0)
    try {
      writeFileSync(`${directory}/file`, '')
      let total = 0
      for (let round = 0; round < files; round++) {
        const path = `${directory}/file`
        const wanted = new Map<string, Buffer>()
        for (let count = Math.floor(random() * 8); count > 0; count--) {
          const [key, value] = [name(random), bytes(random, Math.floor(random() * (random() < 0.05 ? 5000 : 40)))]
          assert.equal(native.setxattrSync(path, key, value, 0, true), 0, `seed ${String(seed)}, round ${String(round)}`)
          wanted.set(key.toString('latin1'), value)
        }
        const where = `seed ${String(seed)}, round ${String(round)}`
        const listed = native.listxattrSync(path, true)
        assert.ok(typeof listed !== 'number', where)
        // A kernel with SELinux shows its label, too.
        const all = Buffer.from(listed).toString('latin1').split('\0').slice(0, -1)
        const names = all.filter((one) => one !== 'security.selinux')
        assert.deepEqual(names.sort(), [...wanted.keys()].sort(), where)
        // One for each: what was read of a directory is not read again.
        const fd = openSync(directory, 'r')
        const job = native.packTreeSync(fd, -1, 0, 0)
        closeSync(fd)
        assert.ok(typeof job !== 'number')
        const blocks: Uint8Array[] = []
        for (;;) {
          const block = await native.packNext(job)
          if (!(block instanceof Uint8Array)) {
            assert.equal(typeof block, 'number', `${where}: ${JSON.stringify(block)}`)
            break
          }
          blocks.push(Buffer.from(block))
        }
        const { entries, refusal } = listTarSync(Buffer.concat(blocks), limits)
        assert.equal(refusal, undefined, where)
        const found = entries.find((entry) => entry.name.toString() === 'file')?.xattrs
        const lines = (map: Iterable<[string, Buffer]>): string[] =>
          [...map].map(([key, value]) => `${JSON.stringify(key)}: ${value.toString('latin1')}`).sort()
        assert.deepEqual(lines(found ?? []), lines(wanted), where)
        total += wanted.size
        for (const key of wanted.keys()) native.removexattrSync(path, Buffer.from(key, 'latin1'), true)
      }
      assert.ok(total > files * 2)
    } finally {
      assert.equal(native.umount2Sync(directory, 0), 0)
    }
  })

  const rounds = LONG ? 1_000_000 : 5000
  it(`${String(rounds)} mutated records of a tar: never more than what is there, however they are cut`, function () {
    this.timeout(60_000 + rounds)
    const random = seeded(seed)
    const pick = (below: number): number => Math.floor(random() * below)
    const telling = ['=', '\n', ' ', '0', '9', '%', '%3D', '%25', '%3d', '\0', '\xff', 'SCHILY.xattr.', '30 ', '99999999999']
    const seen = new Map<string, number>()
    for (let round = 0; round < rounds; round++) {
      const records = ['user.a', 'user.b%3Dc', `trusted.${'n'.repeat(pick(250))}`, 'user.a']
        .map((key) => [key, String.fromCharCode(...bytes(random, pick(40)))] as const)
      // A key that is there twice has the later value; `pax` counts the bytes of each record.
      const block = pax(Object.fromEntries(records.map(([key, value]) => [`SCHILY.xattr.${key}`, value])))
      let body = block.subarray(512)
      for (let change = pick(4); change > 0; change--) {
        const place = pick(body.length)
        const insert = Buffer.from(telling[pick(telling.length)]!, 'latin1')
        const cut = random() < 0.5 ? insert.length : pick(4)
        body = Buffer.concat([body.subarray(0, place), insert, body.subarray(place + cut)])
      }
      body = Buffer.concat([body, Buffer.alloc(512)]).subarray(0, block.length - 512)
      const archive = tar(Buffer.concat([block.subarray(0, 512), body]), file('f', 'body'))
      const whole = listTarSync(archive, limits)
      const where = `seed ${String(seed)}, round ${String(round)}`
      assert.deepEqual(listTarSync(archive, limits, [1 + pick(700), 1 + pick(9)]), whole, where)
      const code = whole.refusal?.code ?? ''
      seen.set(code, (seen.get(code) ?? 0) + 1)
      for (const [key, value] of whole.entries[0]?.xattrs ?? []) {
        assert.ok(!key.includes('\0') && key.length > 0 && key.length <= limits.xattrName, where)
        assert.ok(body.includes(value), where)
      }
    }
    // Both ends were met often: else the mutations are too wild or too tame.
    for (const code of ['', 'ERR_ARCHIVE_FORMAT']) {
      assert.ok((seen.get(code) ?? 0) > rounds / 10, JSON.stringify([...seen]))
    }
  })
})
