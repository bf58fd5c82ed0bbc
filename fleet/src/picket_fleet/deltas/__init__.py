"""Deltas between two releases: every layer that the device lacks, rebuilt byte for byte from those that it has.

    delta    magic "PKD1" · base 8 · layers · images · configs
    base     the first 8 bytes of sha256 over the ids of the base's images, in order
    layers   count, then blobs:  diff id 32 · size · twin · columns · frames
    images   packed: count, then each:   0 · length of its config,  or one more than the index of a base image
                     then the new configs, one after the other; against the base's

Numbers are LEB128, a blob is its length and its bytes, what is packed is a blob with a zstd frame without its magic.
`twin` is one more than the index of the base's layer that has most of the new one's paths (0: none). A layer's tar is
taken apart into its files' contents and the headers between them:

    columns  packed, against the twin's lengths and headers: blobs runs · times · lengths, then the headers
             runs     n*2, layer, file ±: the next n contents are those of n files of the base, from this one on
                      n*2+1: the next n contents come from the frames
             times    as differences of differences to the twin's
             lengths  of the headers before each content and after the last, then of the contents
             headers  with the times blanked, and the checksums, which follow from the rest
    frames   count, then each: sources · data
             sources  count, then each: layer*2, file ±  (all of a file)  or  layer*2+1, file ±, offset, length
             data     packed, against the sources, one after the other; FRAME_BYTES at most: that bounds the memory

"±" is the difference, as zigzag, to where the last one ended. Layers are numbered as they first occur in the base's
images. Nothing of a delta needs to be trusted: every layer is checked against its diff id, an image's id is made from
its config, which names the layers, and the release's signed manifest names the images' ids.
"""
