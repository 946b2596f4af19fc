"""Kinds of bare samples, without numpy: the command's --help lists them."""

BYTES = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}
"""Encoding -> bytes of one sample."""
