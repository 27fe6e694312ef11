// Words that several verbs have.
import type { ArgumentSpec, OptionSpec } from './verb.ts'

export const LAYER: ArgumentSpec = { name: '<id>', summary: 'the layer', kind: 'layer' }

/** What a layer is compared with. */
export const PARENT: OptionSpec = {
  flags: '-p, --parent <id>',
  summary: 'another layer to compare with than the one below',
  kind: 'layer',
}

export const LABEL: OptionSpec = { flags: '--label <label>', summary: 'an SELinux mount label' }
