// The edits of the demo: one function a layer, each given the root that the mount shows.
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** [layer, what it does, how], from the bottom up. */
export const LAYERS = [
  ['hostname', 'adds a file', (root) => writeFileSync(join(root, 'etc/hostname'), 'demo\n')],
  ['motd', 'adds a file', (root) => writeFileSync(join(root, 'etc/motd'), 'first words\n')],
  [
    'app',
    'adds a directory with a program',
    (root) => {
      mkdirSync(join(root, 'usr/share/app/data'), { recursive: true })
      writeFileSync(join(root, 'usr/share/app/data/words'), 'delta\nalpha\ncharlie\nbravo\n')
      writeFileSync(join(root, 'usr/share/app/run'), '#!/bin/sh\nsort /usr/share/app/data/words\n')
      chmodSync(join(root, 'usr/share/app/run'), 0o755)
    },
  ],
  [
    'motd-2',
    'changes a file of a layer below',
    (root) => appendFileSync(join(root, 'etc/motd'), 'and more\n'),
  ],
  [
    'links',
    'adds a symbolic and a hard link',
    (root) => {
      symlinkSync('../share/app/run', join(root, 'usr/share/start'))
      linkSync(join(root, 'etc/hostname'), join(root, 'etc/nodename'))
    },
  ],
  [
    'cache',
    'adds a directory',
    (root) => {
      mkdirSync(join(root, 'var/cache'))
      for (const name of ['a', 'b', 'c']) writeFileSync(join(root, 'var/cache', name), name.repeat(1000))
    },
  ],
  [
    'no-cache',
    'deletes a directory of the layer below',
    (root) => rmSync(join(root, 'var/cache'), { recursive: true }),
  ],
  [
    'cache-2',
    'makes the directory anew, with other contents',
    (root) => {
      mkdirSync(join(root, 'var/cache'))
      writeFileSync(join(root, 'var/cache/fresh'), 'fresh\n')
    },
  ],
  ['modes', 'changes a mode alone', (root) => chmodSync(join(root, 'etc/passwd'), 0o600)],
  [
    'renamed',
    'renames a file',
    (root) => renameSync(join(root, 'etc/os-release'), join(root, 'etc/release')),
  ],
  ['no-motd', 'deletes a file', (root) => rmSync(join(root, 'etc/motd'))],
  ['log', 'adds a file', (root) => writeFileSync(join(root, 'var/log/demo.log'), 'made by twelve layers\n')],
]
