import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { AT_FDCWD, native } from './support.ts'

const { ENOENT, ENOTDIR, ENOTTY, ELOOP } = constants.errno

describe('aufs', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'aufs-'))
  })
  afterEach(() => {
    rmSync(directory, { recursive: true })
  })

  it('asks no other filesystem for branches', async () => {
    assert.equal(native.aufsBranchesSync(AT_FDCWD, directory), -ENOTTY)
    assert.equal(await native.aufsBranches(AT_FDCWD, '/proc'), -ENOTTY)
  })

  it('flushes no other filesystem, whatever lies in its branches', async () => {
    mkdirSync(join(directory, '.wh..wh.plnk'))
    writeFileSync(join(directory, '.wh..wh.plnk', '1.2'), '')
    const branches = Buffer.from(`${directory}\0`)
    const failure = (errno: number, syscall: string) => ({ errno: -errno, syscall, path: Buffer.alloc(0) })
    for (const si of [null, '1f']) {
      const answer = native.aufsFlushSync(AT_FDCWD, directory, branches, si)
      assert.deepEqual(answer, failure(ENOTTY, 'fstatfs'))
      assert.deepEqual(await native.aufsFlush(AT_FDCWD, directory, branches, si), answer)
    }
    const flush = (name: string): unknown => native.aufsFlushSync(AT_FDCWD, join(directory, name), branches, null)
    symlinkSync('.', join(directory, 'link'))
    assert.deepEqual(flush('nothing'), failure(ENOENT, 'openat'))
    assert.deepEqual(flush('link'), failure(ENOTDIR, 'openat'))
    assert.deepEqual(readdirSync(join(directory, '.wh..wh.plnk')), ['1.2'])
  })

  it('asks only directories, and follows no link', () => {
    writeFileSync(join(directory, 'file'), '')
    symlinkSync('.', join(directory, 'link'))
    assert.equal(native.aufsBranchesSync(AT_FDCWD, join(directory, 'file')), -ENOTDIR)
    assert.ok([-ENOTDIR, -ELOOP].includes(native.aufsBranchesSync(AT_FDCWD, join(directory, 'link')) as number))
    assert.equal(native.aufsBranchesSync(AT_FDCWD, join(directory, 'nothing')), -ENOENT)
  })

  it('lists the unions of a directory, and reads nothing in it', async () => {
    for (const name of ['si_1f', 'si_2', 'config', 'other']) mkdirSync(join(directory, name))
    const names = (await native.aufsUnions(directory)) as Uint8Array
    assert.deepEqual(Buffer.from(names).toString().split('\0').sort(), ['', 'si_1f', 'si_2'])
    assert.deepEqual(native.aufsUnionsSync(join(directory, 'other')), Buffer.alloc(0))
  })

  it('lists a thousand of them', () => {
    for (let at = 0; at < 1000; at++) mkdirSync(join(directory, `si_${at.toString(16)}`))
    const names = Buffer.from(native.aufsUnionsSync(directory) as Uint8Array)
    assert.equal(new Set(names.toString().split('\0')).size, 1001)
  })

  it('says what is wrong with the directory', () => {
    assert.equal(native.aufsUnionsSync(join(directory, 'nothing')), -ENOENT)
    writeFileSync(join(directory, 'file'), '')
    assert.equal(native.aufsUnionsSync(join(directory, 'file')), -ENOTDIR)
  })
})
