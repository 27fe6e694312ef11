/**
 * The `code` of a {@link GraphDriverError} about an archive, that is, a tar.
 *
 * - `ERR_ARCHIVE_FORMAT`: it breaks the rules of its format: a checksum, a number, an extended header, a compressed stream.
 * - `ERR_ARCHIVE_TRUNCATED`: it ends where there must be more.
 * - `ERR_ARCHIVE_LIMIT`: it is larger than a limit that was set; the message names the limit.
 * - `ERR_ARCHIVE_UNSUPPORTED`: it holds what is not read here: another type of entry, a sparse file, another compression.
 * - `ERR_ARCHIVE_PATH`: the name of an entry leads out of the layer, or to no place in it.
 * - `ERR_ARCHIVE_LINK`: a hard link whose target is not in the layer.
 * - `ERR_ARCHIVE_WHITEOUT`: a whiteout that marks nothing, or is no empty file.
 * - `ERR_ARCHIVE_BODY_SIZE`: the body of an entry to be written is longer or shorter than its size.
 */
export type ArchiveErrorCode =
  | 'ERR_ARCHIVE_BODY_SIZE'
  | 'ERR_ARCHIVE_FORMAT'
  | 'ERR_ARCHIVE_LIMIT'
  | 'ERR_ARCHIVE_LINK'
  | 'ERR_ARCHIVE_PATH'
  | 'ERR_ARCHIVE_TRUNCATED'
  | 'ERR_ARCHIVE_UNSUPPORTED'
  | 'ERR_ARCHIVE_WHITEOUT'

/** Every `code` of a {@link GraphDriverError}. */
export type GraphDriverErrorCode =
  | ArchiveErrorCode
  | 'ERR_ADDON_NOT_LOADED'
  | 'ERR_DRIVER_BACKING_FS'
  | 'ERR_DRIVER_CLOSED'
  | 'ERR_DRIVER_EXISTS'
  | 'ERR_DRIVER_NOT_SUPPORTED'
  | 'ERR_DRIVER_PREREQUISITE'
  | 'ERR_DRIVER_UNKNOWN'
  | 'ERR_INVALID_LAYER_ID'
  | 'ERR_LAYER_BUSY'
  | 'ERR_LAYER_CORRUPT'
  | 'ERR_LAYER_EXISTS'
  | 'ERR_LAYER_HAS_CHILDREN'
  | 'ERR_LAYER_IN_USE'
  | 'ERR_LAYER_NOT_CONVERTIBLE'
  | 'ERR_LAYER_NOT_EMPTY'
  | 'ERR_LAYER_NOT_FOUND'
  | 'ERR_MOUNT_MISMATCH'
  | 'ERR_STORE_CONVERTING'
  | 'ERR_STORE_FOREIGN'
  | 'ERR_STORE_IN_USE'
  | 'ERR_STORE_OTHER_DRIVER'
  | 'ERR_STORE_READ_ONLY'
  | 'ERR_STORE_UNSAFE'
  | 'ERR_STORE_VERSION'
  | 'ERR_TOO_MANY_LAYERS'
  | 'ERR_UNSUPPORTED_PLATFORM'

/** What a {@link GraphDriverError} may carry beside its code and message. */
export interface GraphDriverErrorOptions {
  /** The error that led to this one. */
  cause?: unknown
  /** The path that it is about. */
  path?: string
  /** The layer that it is about. */
  id?: string
  /** More words: what was found after the failure. */
  detail?: string
}

/**
 * A failure that is not a failed system call: a layer that is missing, a store of another version, a driver that
 * cannot work here. Test `code`; the message is for people and may change.
 */
export class GraphDriverError extends Error {
  /** Which failure it is. */
  readonly code: GraphDriverErrorCode
  /** The path that it is about. */
  declare readonly path?: string
  /** The layer that it is about. */
  declare readonly id?: string
  /** More words: what was found after the failure. */
  declare readonly detail?: string

  /** For drivers that others write. */
  constructor(code: GraphDriverErrorCode, message: string, options: GraphDriverErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    if (options.path !== undefined) this.path = options.path
    if (options.id !== undefined) this.id = options.id
    if (options.detail !== undefined) this.detail = options.detail
  }

  /** 'GraphDriverError'. */
  override get name(): string {
    return 'GraphDriverError'
  }
}
